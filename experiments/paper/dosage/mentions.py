"""Dosages in tokenized text: an amount followed by a unit of mass, volume or dose rate, such as "5-10 mg / kg / day".

The grammar, over tokens joined by single spaces; a mention begins and ends where tokens do:

    mention     = amount ["-"] measure {over} ["."]
    amount      = number [("-" | "to" | "or" | "and" | "+/-") number]
    measure     = mass | volume | activity | substance
    over        = ("/" | "per") [number] denominator | denominator "-1"
    denominator = body | time | given

A kilogram is no measure of its own, as it is the weight of a person; "100 mg/dl" and other amounts by volume are
concentrations, of which most are laboratory values, and no dosages.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Sequence

import numpy

MINUS = r"[-\u2013\u2212]"
NUMBER = r"(?: \d{1,3} (?:,\d{3})+ (?:\.\d+)? | \d+ (?:\.\d+)? | \.\d+ )"
AMOUNT = rf"{NUMBER} (?: \s? (?: {MINUS} | to\b | or\b | and\b | \+/?- | \u00b1 ) \s? {NUMBER} )?"
# "?" is what is left of the Greek letter in many files; "mug" is that letter written out.
MICRO = r"(?: mc | mu | u | \u00b5 | \u03bc | \? | micro\s? )"
MASS = rf"(?: (?: m | n | p | milli | nano | {MICRO} )? g (?: ram | m )? s? )"
VOLUME = rf"(?: (?: m | c | d | milli | {MICRO} )? l (?: iter | itre )? s? | cc )"
ACTIVITY = r"(?: m? (?: iu | i\.u\. | u ) | (?: international\s )? units? )"
SUBSTANCE = rf"(?: (?: m | n | {MICRO} )? mol (?: e )? s? | meq )"
BODY = r"(?: kg | kilograms? | m \s? (?: 2 | \( \s? 2 \s? \) ) | m\u00b2 | square\s? met(?:er|re)s? )"
TIME = r"(?: seconds? | secs? | s | minutes? | min | hours? | hrs? | h | days? | d | weeks? | wks? | months? )"
GIVEN = r"(?: doses? | injections? | tablets? | capsules? | vials? | puffs? )"
DENOMINATOR = rf"(?: {BODY} | {TIME} | {GIVEN} )"
QUOTIENT = rf"\s? (?: / | per\b ) \s? (?: {NUMBER} [\s-]? )? {DENOMINATOR}"
INVERSE = rf"(?: \s? [.\u00b7x] )? \s? {DENOMINATOR} \s? (?: {MINUS} \s? 1 | \( \s? {MINUS} \s? 1 \s? \) )"
NO_CONCENTRATION = rf"(?! \s? (?: / | per\b ) \s? {NUMBER}? \s? {VOLUME} \b )"
MENTION = re.compile(
    rf"""
    (?<!\S) {AMOUNT} \s? (?: - \s? )?
    (?: {MASS} | {VOLUME} | {ACTIVITY} | {SUBSTANCE} )
    (?: {QUOTIENT} | {INVERSE} )* \.?
    (?!\S) {NO_CONCENTRATION}
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def dosage_mentions(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Find dosages in a text.

    tokens (sequence of str): its tokens; amount and units may be in one or in several.
    RETURNS: start and end (exclusive) of every mention, in their order; they do not overlap.
    """
    offsets = list(accumulate((len(token) + 1 for token in tokens), initial=0))
    numbers = dict(zip(reversed(offsets), reversed(range(len(offsets)))))
    found = []
    for match in MENTION.finditer(" ".join(tokens)):
        start, end = numbers.get(match.start()), numbers.get(match.end() + 1)
        if start is not None and end is not None:  # there may be whitespace inside a token
            found.append((start, end))
    return found


def mentions_near(tokens: Sequence[str], wanted: numpy.ndarray, window: int) -> list[tuple[int, int]]:
    """Find the dosages that have a wanted token (bool, tokens) among theirs, or at most ``window`` tokens away."""
    return [
        (start, end) for start, end in dosage_mentions(tokens) if wanted[max(0, start - window) : end + window].any()
    ]
