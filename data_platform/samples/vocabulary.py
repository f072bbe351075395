"""The words of the sample shop: names, places, goods. Drawing from them is in `shop` and `traffic`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A city, with the currency its customers pay in."""

    country: str
    city: str
    currency: str
    dialling_code: str


PLACES = (
    Place("DE", "Berlin", "EUR", "+4930"),
    Place("DE", "Hamburg", "EUR", "+4940"),
    Place("DE", "Munich", "EUR", "+4989"),
    Place("FR", "Lyon", "EUR", "+334"),
    Place("FR", "Nantes", "EUR", "+332"),
    Place("NL", "Utrecht", "EUR", "+3130"),
    Place("ES", "Valencia", "EUR", "+3496"),
    Place("GB", "Leeds", "GBP", "+44113"),
    Place("GB", "Bristol", "GBP", "+44117"),
    Place("US", "Portland", "USD", "+1503"),
    Place("US", "Austin", "USD", "+1512"),
)
CURRENCIES = ("EUR", "GBP", "USD")
PERCENT_OF_EUR = {"EUR": 100, "GBP": 86, "USD": 108}

FIRST_NAMES = (
    "Ada", "Amir", "Anna", "Ben", "Carla", "Chloé", "Daniel", "Elena", "Emil", "Fatima", "Felix", "Grace", "Hugo",
    "Ines", "Jonas", "José", "Karin", "Lea", "Liam", "Lukas", "Marta", "Mateo", "Mia", "Nadia", "Noah", "Olga",
    "Oscar", "Paula", "Pieter", "Rosa", "Ruth", "Samuel", "Sofia", "Tomás", "Vera", "Yusuf", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Adler", "Bakker", "Baptiste", "Bell", "Castillo", "Cohen", "Dubois", "Evans", "Fischer", "Garcia", "Hartmann",
    "Hughes", "Ibrahim", "Jansen", "Keller", "Khan", "Lambert", "Lopez", "Maier", "Moreau", "Nguyen", "O'Brien",
    "Peters", "Quinn", "Ramos", "Richter", "Schmidt", "Silva", "Taylor", "Turner", "Vogel", "Walker", "Weber", "Young",
)  # fmt: skip
SEGMENTS = ("new", "regular", "regular", "regular", "vip")

CATEGORIES = {
    "Kitchen": ("Mug", "Teapot", "Bread Knife", "Salt Mill", "Apron"),
    "Living": ("Cushion", "Wool Blanket", "Table Lamp", "Picture Frame", "Candle"),
    "Garden": ("Planter", "Watering Can", "Lantern", "Bird House", "Hand Fork"),
    "Office": ("Notebook", "Pen Case", "Desk Tray", "Wall Calendar", "Letter Opener"),
}
STYLES = ("Oak", "Linen", "Enamel", "Cobalt", "Terracotta", "Brass", "Willow", "Slate")

PAYMENT_METHODS = ("card", "card", "card", "paypal", "bank_transfer")
DEVICES = ("mobile", "mobile", "desktop", "desktop", "tablet")
BROWSERS = ("Firefox", "Chrome", "Safari", "Edge")
CAMPAIGNS = (None, None, None, "spring-sale", "newsletter", "search-brand")
