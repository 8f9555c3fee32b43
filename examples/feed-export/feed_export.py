#!/usr/bin/env python3
"""Writes one customer's ad feed for one advertising medium from the product master. Parameters come as environment:

CUSTOMER_ID  four digits
MEDIA        google (RSS 2.0 with Google's g: elements), meta or criteo (TSV)
FEED_DATE    YYYY-MM-DD: names the file, and decides which sale prices still hold
MASTER       the product master, CSV (default: /data/master.csv)
OUTPUT_DIR   where the feed goes (default: /out)

Exit codes: 0 the feed is written; 2 a parameter is wrong; 3 the master is too broken, or holds nothing for the
customer, and the last feed stays as it is. On SIGTERM it leaves nothing behind and dies of that signal.
"""
import csv
import datetime
import os
import re
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

COLUMNS = ("customer_id", "item_id", "title", "description", "brand", "category", "price", "sale_price", "sale_until",
           "stock", "link", "image_link")
PROGRESS_ROWS = 20_000
MAX_BROKEN_PERCENT = 5
TITLE_LENGTH = 150
DESCRIPTION_LENGTH = 5000


class Refused(Exception):
    """The run cannot go on; `code` is the exit code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Stopped(BaseException):
    """SIGTERM came."""


class Broken(Exception):
    """A row of the master cannot be understood."""


def log(message):
    print(f"feed-export: {message}", file=sys.stderr, flush=True)


# Parameters

def parameters(env):
    """(customer, media, date), or Refused naming every wrong one at once."""
    customer, media, date = (env.get(name, "") for name in ("CUSTOMER_ID", "MEDIA", "FEED_DATE"))
    problems = []
    if not re.fullmatch(r"[0-9]{4}", customer):
        problems.append(f"CUSTOMER_ID must be four digits, not {customer!r}")
    if media not in FEEDS:
        problems.append(f"MEDIA must be one of {', '.join(FEEDS)}, not {media!r}")
    try:
        # The format first: newer Pythons also take 20240401 and 2024-W14-1.
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date):
            raise ValueError
        datetime.date.fromisoformat(date)
    except ValueError:
        problems.append(f"FEED_DATE must be a date like 2024-04-01, not {date!r}")
    if problems:
        raise Refused(2, "; ".join(problems))
    return customer, media, date


# The master

def cents(text):
    """'1,980.00', '1980.00' or '$1980.00' as cents."""
    match = re.fullmatch(r"\$?([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)\.([0-9]{2})", text)
    if not match:
        raise Broken(f"price {text!r}")
    return int(match[1].replace(",", "")) * 100 + int(match[2])


def clean(text, length):
    """One line of printable text: feeds know neither line breaks nor control characters."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())[:length]


def product(row, date):
    """The row as a product for sale on that date; None where it has no price."""
    if len(row) != len(COLUMNS):
        raise Broken(f"{len(row)} fields instead of {len(COLUMNS)}")
    item = dict(zip(COLUMNS, row))
    if not item["item_id"]:
        raise Broken("no item_id")
    if not item["price"]:
        return None
    item["price"] = cents(item["price"])
    item["sale_price"] = cents(item["sale_price"]) if item["sale_price"] and item["sale_until"] >= date else None
    item["title"] = clean(item["title"], TITLE_LENGTH)
    item["description"] = clean(item["description"], DESCRIPTION_LENGTH)
    return item


def read_master(path, customer, date):
    """The customer's products, sorted by category: all of them in memory, which is what makes this job big."""
    products, rows, broken, unpriced = [], 0, 0, 0
    log(f"reading {path} for customer {customer}")
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        if tuple(next(reader, ())) != COLUMNS:
            raise Refused(3, f"{path} does not start with the header of a product master")
        for number, row in enumerate(reader, start=1):
            if number % PROGRESS_ROWS == 0:
                log(f"{number} rows read, {len(products)} products")
            if not row or row[0] != customer:
                continue
            rows += 1
            try:
                item = product(row, date)
            except Broken as problem:
                broken += 1
                if broken <= 3:
                    log(f"row {number} is broken: {problem}")
                continue
            if item:
                products.append(item)
            else:
                unpriced += 1
    log(f"customer {customer}: {rows} rows, {broken} broken, {unpriced} without a price, {len(products)} products")
    if broken * 100 > rows * MAX_BROKEN_PERCENT:
        raise Refused(3, f"{broken} of {rows} rows are broken, more than {MAX_BROKEN_PERCENT} %: no feed is written")
    if not products:
        raise Refused(3, "no product is left: an empty feed would take every ad down, so none is written")
    products.sort(key=lambda item: (item["category"], item["item_id"]))
    return products


# The feeds

def money(amount):
    return "" if amount is None else f"{amount // 100}.{amount % 100:02} USD"


def fields(item):
    return {
        "id": item["item_id"], "title": item["title"], "description": item["description"],
        "link": item["link"], "image_link": item["image_link"], "brand": item["brand"],
        "product_type": item["category"], "condition": "new",
        "availability": "out_of_stock" if item["stock"] == "0" else "in_stock",
        "price": money(item["price"]), "sale_price": money(item["sale_price"]),
    }


# By hand, since the xml package is not part of Debian's python3-minimal.
def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def write_rss(out, products, customer):
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n'
              '<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">\n<channel>\n'
              f"<title>Customer {customer}</title>\n<link>https://shop.example.com/{customer}/</link>\n"
              "<description>Product feed</description>\n")
    for item in products:
        elements = "".join(f"<g:{name}>{escape(value)}</g:{name}>" for name, value in fields(item).items() if value)
        out.write(f"<item>{elements}</item>\n")
    out.write("</channel>\n</rss>\n")


def write_tsv(out, products, _customer):
    names = None
    for item in products:
        values = fields(item)
        if names is None:
            names = tuple(values)
            out.write("\t".join(names) + "\n")
        out.write("\t".join(clean(values[name], DESCRIPTION_LENGTH) for name in names) + "\n")


FEEDS = {"google": ("xml", write_rss), "meta": ("tsv", write_tsv), "criteo": ("tsv", write_tsv)}


@contextmanager
def replacing(path):
    """A file that takes path's place when all went well and is gone when not."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def export(env):
    customer, media, date = parameters(env)
    suffix, write = FEEDS[media]
    path = Path(env.get("OUTPUT_DIR", "/out")) / f"{customer}-{media}-{date}.{suffix}"
    # Opened before the master is read, so that a folder that cannot be written to is known at once.
    with replacing(path) as out:
        products = read_master(env.get("MASTER", "/data/master.csv"), customer, date)
        log(f"writing {path}")
        write(out, products, customer)
    log(f"wrote {len(products)} products")


def on_sigterm(_signal, _frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt the clean-up
    raise Stopped


def main():
    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        export(os.environ)
    except Refused as refusal:
        log(refusal)
        return refusal.code
    except Stopped:
        # Whoever sent the signal shall see that it, and nothing else, ended the run.
        log("stopped")
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    return 0


if __name__ == "__main__":
    sys.exit(main())
