from pmf_minimal.cli import main

main(prog_name="python -m pmf_minimal")
