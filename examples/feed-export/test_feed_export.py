"""The batch alone, without jobinit or docker: python3 -m pytest examples/feed-export"""
import csv
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

HERE = Path(__file__).parent
G = "{http://base.google.com/ns/1.0}"


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    path = tmp_path_factory.mktemp("master") / "master.csv"
    subprocess.run([sys.executable, HERE / "make_master.py", "4000", path], check=True)
    return path


def environment(master, out, **changed):
    return {**os.environ, "MASTER": str(master), "OUTPUT_DIR": str(out),
            "CUSTOMER_ID": "1002", "MEDIA": "meta", "FEED_DATE": "2024-04-01", **changed}


def export(master, out, **changed):
    return subprocess.run([sys.executable, HERE / "feed_export.py"], env=environment(master, out, **changed),
                          stderr=subprocess.PIPE, text=True, check=False)


def read_tsv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, dialect="excel-tab", quoting=csv.QUOTE_NONE))


def sellable_ids(master, customer):
    """What belongs into the feed, counted another way than the job does."""
    with master.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row[0] == customer and len(row) == 12]
    return {row[1] for row in rows if row[1] and row[6].strip("$").replace(",", "").replace(".", "").isdigit()}


def test_the_master_is_the_same_each_time(master, tmp_path):
    subprocess.run([sys.executable, HERE / "make_master.py", "4000", tmp_path / "again.csv"], check=True)
    assert (tmp_path / "again.csv").read_bytes() == master.read_bytes()


def test_tsv_has_every_sellable_product_on_one_line_sorted_by_category(master, tmp_path):
    assert export(master, tmp_path, MEDIA="criteo").returncode == 0
    path = tmp_path / "1002-criteo-2024-04-01.tsv"
    products = read_tsv(path)
    assert {product["id"] for product in products} == sellable_ids(master, "1002")
    assert len(path.read_text(encoding="utf-8").split("\n")) == len(products) + 2
    order = [(product["product_type"], product["id"]) for product in products]
    assert order == sorted(order)
    assert {product["availability"] for product in products} == {"in_stock", "out_of_stock"}


def test_google_gets_well_formed_xml_with_texts_unharmed(master, tmp_path):
    assert export(master, tmp_path, CUSTOMER_ID="1001", MEDIA="google").returncode == 0
    items = ElementTree.parse(tmp_path / "1001-google-2024-04-01.xml").findall("./channel/item")
    assert {item.findtext(G + "id") for item in items} == sellable_ids(master, "1001")
    assert {item.findtext(G + "brand") for item in items} >= {"Bell & Sons", "Älvdal"}


def test_a_sale_price_ends_with_its_date(master, tmp_path):
    def on_sale(date):
        assert export(master, tmp_path, FEED_DATE=date).returncode == 0
        return sum(bool(product["sale_price"]) for product in read_tsv(tmp_path / f"1002-meta-{date}.tsv"))
    assert on_sale("2024-03-31") > on_sale("2024-04-01") > on_sale("2026-07-01") == 0


@pytest.mark.parametrize("changed, message", [
    ({"CUSTOMER_ID": "../1"}, "CUSTOMER_ID must be four digits, not '../1'"),
    ({"MEDIA": "radio"}, "MEDIA must be one of google, meta, criteo, not 'radio'"),
    ({"FEED_DATE": "2024-02-30"}, "FEED_DATE must be a date like 2024-04-01, not '2024-02-30'"),
    ({"FEED_DATE": ""}, "FEED_DATE must be a date"),
])
def test_a_wrong_parameter_is_refused(master, tmp_path, changed, message):
    run = export(master, tmp_path, **changed)
    assert (run.returncode, list(tmp_path.iterdir())) == (2, [])
    assert message in run.stderr


@pytest.mark.parametrize("customer, message", [
    ("1003", "rows are broken, more than 5 %"),
    ("9999", "no product is left"),
])
def test_a_bad_master_leaves_the_last_feed_alone(master, tmp_path, customer, message):
    last = tmp_path / f"{customer}-meta-2024-04-01.tsv"
    last.write_text("the last good feed")
    run = export(master, tmp_path, CUSTOMER_ID=customer)
    assert run.returncode == 3
    assert message in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == [last.name]
    assert last.read_text() == "the last good feed"


def test_sigterm_removes_the_temporary_file_and_ends_it_by_that_signal(tmp_path):
    # A master that never ends: the job is surely in the middle of it when the signal comes.
    master = tmp_path / "master.fifo"
    os.mkfifo(master)
    writer = os.open(master, os.O_RDWR)
    out = tmp_path / "out"
    out.mkdir()
    with subprocess.Popen([sys.executable, HERE / "feed_export.py"], env=environment(master, out),
                          stderr=subprocess.PIPE, text=True) as job:
        assert "reading" in job.stderr.readline()
        assert [path.name for path in out.iterdir()] == [".1002-meta-2024-04-01.tsv.tmp"]
        job.send_signal(signal.SIGTERM)
        _, last_words = job.communicate()
    os.close(writer)
    assert job.returncode == -signal.SIGTERM
    assert last_words == "feed-export: stopped\n"
    assert list(out.iterdir()) == []
