#!/usr/bin/env python3
"""Writes a product master: make_master.py ROWS FILE. The same ROWS give the same bytes.

It is as dirty as masters are: quotes, commas, tabs, line breaks and control characters in the texts, prices in three
notations or missing, rows cut off. Customer 1001 has three fifths of the rows, 1002 three tenths, and 1003 the rest, of
which every eighth is broken.
"""
import csv
import random
import sys
from pathlib import Path

COLUMNS = ("customer_id", "item_id", "title", "description", "brand", "category", "price", "sale_price", "sale_until",
           "stock", "link", "image_link")
BRANDS = {
    "1001": ("Nordwind", "Bell & Sons", "O'Hara", "Kōbō", "Älvdal"),
    "1002": ("Casa Lumen", "Fjäll <Outdoor>", "Mason \"M\" Mills"),
    "1003": ("Attic Finds",),
}
GOODS = {
    "Home > Lighting": ("table lamp", "floor lamp", "lamp shade"),
    "Home > Kitchen": ("kettle", "cast-iron pan", "bread knife", "espresso cup"),
    "Apparel > Outerwear": ("rain jacket", "wool coat", "down vest"),
    "Apparel > Shoes": ("hiking boot", "canvas shoe"),
    "Sports > Camping": ("two-person tent", "sleeping mat", "gas stove"),
    "Toys > Puzzles": ("wooden puzzle", "marble run"),
}
LOOKS = ("black", "oak", "red, matte", "1/2\" brass", "blue\tgrey", "large\nblack", "100% cotton", "crème")
TEXTS = (
    "Made to last, and easy to repair.",
    "Says the \"Journal\": best in test, again.",
    "First line,\nsecond line,\r\nthird line.",
    "Was\x0bpasted from\x07 somewhere & never cleaned.",
    "Fits 3 < x < 5 persons.",
)
SALE_DATES = ("2024-03-31", "2024-12-31", "2026-06-30")


def price(cents, notation):
    amount = f"{cents // 100:,}.{cents % 100:02}"
    return (amount, amount.replace(",", ""), f"${amount}")[notation]


def row(number, rnd):
    customer = rnd.choices(tuple(BRANDS), weights=(6, 3, 1))[0]
    category = rnd.choice(tuple(GOODS))
    brand = rnd.choice(BRANDS[customer])
    item = f"{customer}-{number:07}"
    cents = rnd.randrange(199, 250000)
    on_sale = rnd.random() < 0.2
    fields = [
        customer, item, f"{brand} {rnd.choice(GOODS[category])}, {rnd.choice(LOOKS)}", " ".join(rnd.sample(TEXTS, 2)),
        brand, category,
        "" if rnd.random() < 0.03 else price(cents, rnd.randrange(3)),
        price(cents * 4 // 5, rnd.randrange(3)) if on_sale else "", rnd.choice(SALE_DATES) if on_sale else "",
        "0" if rnd.random() < 0.1 else str(rnd.randrange(1, 500)),
        f"https://shop.example.com/{customer}/p/{item}?ref=feed&lang=en", f"https://img.example.com/{item}.jpg",
    ]
    if rnd.random() < (1 / 8 if customer == "1003" else 1 / 500):
        return rnd.choice((fields[:7], [*fields[:6], "call us", *fields[7:]], [customer, "", *fields[2:]]))
    return fields


def main():
    if len(sys.argv) != 3 or not sys.argv[1].isdigit():
        sys.exit("usage: make_master.py ROWS FILE")
    path = Path(sys.argv[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    rnd = random.Random(1001)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(row(number, rnd) for number in range(1, int(sys.argv[1]) + 1))


if __name__ == "__main__":
    main()
