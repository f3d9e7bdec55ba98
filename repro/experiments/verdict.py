"""Verdicts on the papers' claims: computed from rows, never typed."""

from dataclasses import dataclass

VERDICTS = ("reproduced", "partly", "not reproduced", "not testable here")


@dataclass(frozen=True)
class Verdict:
    """A verdict, one of VERDICTS, and the figures it rests on in one plain sentence."""

    verdict: str
    evidence: str

    def __post_init__(self):
        if self.verdict not in VERDICTS:
            raise ValueError(f"{self.verdict!r} is no verdict: use one of {', '.join(VERDICTS)}")


def judge(whole: bool, part: bool, evidence: str) -> Verdict:
    """`reproduced` when `whole` holds, `partly` when only `part` does, else `not reproduced`."""
    return Verdict("reproduced" if whole else "partly" if part else "not reproduced", evidence)
