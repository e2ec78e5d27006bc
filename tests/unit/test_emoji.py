"""The embedded emoji graphs: whole, consistent with their data card, and without a leak."""

import os
import re
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from pmf_minimal.datasets.emoji import DATA, PAIRS, SUMS, TILE, VENDORS, logos, pictures, verify
from pmf_minimal.datasets.emoji.facts import name_words, uri, variant_of
from pmf_minimal.errors import DataError

CARD = Path(__file__).parents[2] / "book" / "data_card.md"
MEGABYTES = 12
each_pair = pytest.mark.parametrize("pair", PAIRS)
each_graph = pytest.mark.parametrize(("pair", "side"), [(pair, side) for pair in PAIRS for side in (1, 2)])


def lines(path):
    return [line.split("\t") for line in path.read_text("utf-8").splitlines()]


def entities(pair, side):
    return {int(i): name for i, name in lines(DATA / pair / f"ent_ids_{side}")}


def triples(pair, side):
    return [tuple(map(int, row)) for row in lines(DATA / pair / f"triples_{side}")]


def links(pair):
    return np.array(lines(DATA / pair / "ill_ent_ids"), dtype=np.int64)


def images(pair):
    with np.load(DATA / pair / "images.npz", allow_pickle=False) as data:
        return data["ids"], data["features"]


def relation_bags(pair, side):
    """Entity id -> {relation id: how often, at the head or at the tail}."""
    bags = defaultdict(lambda: defaultdict(int))
    for head, relation, tail in triples(pair, side):
        bags[head][relation] += 1
        bags[tail][relation] += 1
    return bags


def test_all_files_are_as_recorded_and_small_enough():
    verify(DATA)
    files = {p.relative_to(DATA).as_posix() for p in DATA.rglob("*") if p.is_file()} - {SUMS}
    assert files == {line[66:] for line in (DATA / SUMS).read_text("utf-8").splitlines()}
    assert sum((DATA / name).stat().st_size for name in files) < MEGABYTES * 1e6


@pytest.fixture
def copy(tmp_path):
    """A copy of one pair, with the list of checksums above it."""
    shutil.copytree(DATA / "fr_en", tmp_path / "fr_en")
    shutil.copy(DATA / SUMS, tmp_path)
    return tmp_path / "fr_en"


@pytest.mark.parametrize("name", ["ent_ids_1", "triples_2", "images.npz"])
def test_a_changed_byte_is_refused_with_the_name_of_the_file(copy, name):
    verify(copy)
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"{re.escape(str(copy / name))}: .*changed; get the file again"):
        verify(copy)


def test_a_missing_file_or_list_is_refused(copy):
    (copy / "rel_ids").unlink()
    with pytest.raises(DataError, match="rel_ids: this file is missing"):
        verify(copy)
    (copy.parent / SUMS).write_text("nonsense")
    with pytest.raises(DataError, match="not a list of checksums"):
        verify(copy)
    (copy.parent / SUMS).unlink()
    with pytest.raises(DataError, match="list of checksums is missing"):
        verify(copy)
    with pytest.raises(DataError, match="no emoji pair 'xx_en'; there are fr_en, ja_en, zh_en, de_en"):
        pictures("xx_en")


@each_pair
def test_ids_are_contiguous_disjoint_and_used_consistently(pair):
    left, right = entities(pair, 1), entities(pair, 2)
    assert sorted(left) == list(range(len(left)))
    assert sorted(right) == list(range(len(left), len(left) + len(right)))
    assert len(set(left.values())) == len(left)
    assert len(set(right.values())) == len(right)
    kinds = {int(i): name for i, name in lines(DATA / pair / "rel_ids")}
    used = []
    for side, known in ((1, left), (2, right)):
        rows = triples(pair, side)
        assert len(set(rows)) == len(rows)
        assert all(head in known and tail in known for head, _, tail in rows)
        used.append({relation for _, relation, _ in rows})
        language = PAIRS[pair][side - 1]
        assert all(kinds[relation].startswith(f"{language}/relation/") for relation in used[-1])
        named = [name for name, *_ in lines(DATA / pair / f"training_attrs_{side}")]
        assert len(set(named)) == len(named)
        assert set(named) <= set(known.values())
    assert not used[0] & used[1]
    assert used[0] | used[1] == set(kinds)
    pairs = links(pair)
    for column, known in ((0, left), (1, right)):
        emoji = {i for i, name in known.items() if "/emoji/" in name}
        assert sorted(pairs[:, column]) == sorted(emoji), "each emoji has one counterpart, nothing else has any"


@each_pair
def test_no_order_tells_the_counterpart(pair):
    pairs = links(pair)
    n = len(pairs)
    position = [  # where the lines of the attribute files stand
        {name: k for k, (name, *_) in enumerate(lines(DATA / pair / f"training_attrs_{side}"))} for side in (1, 2)
    ]
    names = entities(pair, 1) | entities(pair, 2)
    order = [[position[c][names[i]] for i in pairs[:, c]] for c in (0, 1)]
    first = [{}, {}]  # in which line of the triples an entity appears first
    for side in (1, 2):
        for k, (head, _, tail) in enumerate(triples(pair, side)):
            first[side - 1].setdefault(head, k)
            first[side - 1].setdefault(tail, k)
    for a, b in [
        (pairs[:, 0], pairs[:, 1]),
        (np.arange(n), pairs[:, 0]),
        (np.arange(n), pairs[:, 1]),
        order,
        (order[0], pairs[:, 1]),
        ([first[0][i] for i in pairs[:, 0]], pairs[:, 1]),
        ([first[1][i] for i in pairs[:, 1]], pairs[:, 0]),
    ]:
        assert abs(spearmanr(a, b).statistic) < 4 / np.sqrt(n)  # four standard deviations of pure chance
    assert len(np.unique(pairs[:, 1] - pairs[:, 0])) > n / 3  # no common offset, unlike DBP15K


@each_graph
def test_no_name_gives_a_code_away(pair, side):
    kinds = {name for _, name in lines(DATA / pair / "rel_ids")}
    attributes = {a for _, *some in lines(DATA / pair / f"training_attrs_{side}") for a in some}
    for name in set(entities(pair, side).values()) | kinds | attributes:
        language, kind, last = name.split("/")
        assert kind in {"emoji", "keyword", "group", "subgroup", "relation", "property"}
        assert not re.search(r"\s", name)
        assert re.search(r"\w", last)
        # neither code points nor country codes nor the characters themselves
        parts = re.split(r"[\W_]+", last)
        assert not any(re.fullmatch(r"U?(1F|FE|2[0-9A-F])[0-9A-F]{2,3}", part) for part in parts), name
        assert not (kind in {"keyword", "property"} and re.fullmatch(r"[A-Z]{2}|gb(eng|sct|wls)", last)), name
        assert not any(0x1F000 <= ord(c) < 0x20000 or ord(c) in (0x200D, 0xFE0F) for c in last), name


@each_graph
def test_bags_are_rich(pair, side):
    bags = relation_bags(pair, side)
    emoji = links(pair)[:, side - 1].tolist()
    assert len({tuple(sorted(bags[i].items())) for i in emoji}) >= 100
    attributes = [tuple(sorted(some)) for _, *some in lines(DATA / pair / f"training_attrs_{side}")]
    assert len(set(attributes)) >= 100
    # ... and they are about classes of emoji: no property belongs to fewer than six of them.
    count = defaultdict(int)
    for some in attributes:
        for name in some:
            count[name] += 1
    assert min(count.values()) >= 6


@each_pair
def test_image_features_are_there_for_drawn_emoji_only(pair):
    ids, features = images(pair)
    assert features.dtype == np.float16
    assert features.shape == (len(ids), 64)
    assert np.isfinite(features).all()
    assert (features != 0).any(axis=1).all()
    assert (np.diff(ids) > 0).all()
    tiles = pictures(f"emoji/{pair}")
    names = entities(pair, 1) | entities(pair, 2)
    assert {names[i] for i in ids.tolist()} == {name for name in names.values() if name in tiles}
    assert len(tiles) == len(ids)
    missing = set(links(pair)[:, 0].tolist()) - set(ids.tolist())
    assert len(missing) == {"noto": 0, "fluent": 57}[VENDORS[PAIRS[pair][0]]]
    assert all(tiles[names[i]] is None for i in missing)
    assert tiles.get(next(name for name in names.values() if "/keyword/" in name)) is None


@each_pair
def test_pictures_of_a_pair_show_the_same_thing(pair):
    tiles = pictures(pair)
    names = entities(pair, 1) | entities(pair, 2)
    left = {names[j]: names[i] for i, j in links(pair).tolist()}
    for channel, colour in enumerate(("red", "green", "blue")):
        for name in (f"en/emoji/{colour}_circle", f"en/emoji/{colour}_square"):
            for picture in (tiles[name], tiles[left[name]]):
                assert (picture.size, picture.mode) == ((TILE, TILE), "RGBA")
                assert np.argmax(picture.getpixel((TILE // 2, TILE // 2))[:3]) == channel
                assert tiles["en/emoji/hedgehog"].getpixel((0, 0))[3] == 0


def test_the_data_card_gives_these_counts():
    card = CARD.read_text("utf-8")
    for pair, languages in PAIRS.items():
        with_image = set(images(pair)[0].tolist())
        for side, language in enumerate(languages, start=1):
            if language == "en" and pair != "fr_en":
                continue  # the English graph is the same in all pairs
            names = entities(pair, side)
            attributes = [tuple(some) for _, *some in lines(DATA / pair / f"training_attrs_{side}")]
            bags = relation_bags(pair, side)
            emoji = links(pair)[:, side - 1].tolist()
            numbers = [
                len(names),
                len(emoji),
                sum("/keyword/" in name for name in names.values()),
                sum("group/" in name for name in names.values()),
                len({relation for _, relation, _ in triples(pair, side)}),
                len(triples(pair, side)),
                len({tuple(sorted(bags[i].items())) for i in emoji}),
                len({name for some in attributes for name in some}),
                len(set(attributes)),
                len(with_image & set(names)),
                len(emoji) - len(with_image & set(names)),
            ]
            row = " | ".join(f"{number:,}" for number in numbers)
            assert f"| {language} | {row} |" in card, f"the data card needs this row: | {language} | {row} |"
    assert f"{len(logos()):,} coloured logos" in re.sub(r"\s+", " ", card)
    assert f"{len(logos()):,} of 2,303 drawings" in (CARD.parents[1] / "DATA_LICENSES.md").read_text("utf-8")
    total = sum(p.stat().st_size for p in DATA.rglob("*") if p.is_file())
    assert f"{total / 1e6:.1f} MB" in card


def test_names_and_forms_are_derived_as_the_card_says():
    assert uri("en", "subgroup", "cooked / prepared") == "en/subgroup/cooked_%2F_prepared"
    assert uri("fr", "emoji", "cœur\u202f: 100%") == "fr/emoji/cœur_:_100%25"
    assert name_words("en", "cat with tears of joy") == {"cat", "tears", "joy"}
    assert name_words("zh", "笑的猫") == {"笑", "猫"}
    assert name_words("ja", "笑うハート") == {"笑", "ハート"}
    firefighter = variant_of("1F468-200D-1F692")
    assert firefighter == [("1F9D1-200D-1F692", "male")]
    assert variant_of("1F469-200D-1F9B0") == [("1F9D1-200D-1F9B0", "female"), ("1F469", "other")]
    assert variant_of("1F6B6-200D-2640-200D-27A1") == [("1F6B6-200D-27A1", "female"), ("1F6B6-200D-2640", "other")]
    assert variant_of("1F468-200D-2764-200D-1F48B-200D-1F468") == [("1F48F", "other")]
    assert variant_of("1F408-200D-2B1B") == []


def test_the_graphs_can_be_built_again_to_the_same_bytes(tmp_path):
    packages = os.environ.get("PMF_NODE_MODULES")
    if not packages:
        pytest.skip("set PMF_NODE_MODULES to a folder with the five npm packages to build the graphs again")
    pytest.importorskip("resvg_py")
    pytest.importorskip("efficientnet_lite_pytorch")
    from pmf_minimal.datasets.emoji.build import write_pair
    from pmf_minimal.datasets.emoji.facts import read_graph

    graphs = {language: read_graph(Path(packages), language) for language in VENDORS}
    for pair, languages in PAIRS.items():
        two = [graphs[language] for language in languages]
        write_pair(tmp_path / pair, two, [dict.fromkeys(graph.emoji, np.ones(1, np.float16)) for graph in two])
        for path in (tmp_path / pair).iterdir():
            if path.name != "images.npz":  # drawing and the network take minutes; the builder's own run does that
                assert path.read_bytes() == (DATA / pair / path.name).read_bytes(), path.name
