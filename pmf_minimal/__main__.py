from pmf_minimal.cli.main import main

main(prog_name="python -m pmf_minimal")
