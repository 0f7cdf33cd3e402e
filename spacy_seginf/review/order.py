"""The order in which issues are read, made anew in the background after every few decisions."""

from __future__ import annotations

import threading
from typing import Any, Callable, Mapping, Optional, Sequence

from ..curation.issues import LabelIssue
from ..curation.reranking import NewOrder
from .serialise import brief, number

EVERY = 5  # decisions
LONG = 400  # characters of a problem

Decided = Mapping[int, bool]  # numbers of issues, and whether their labels were changed
Rerank = Callable[[Decided], NewOrder]


class ReadingOrder:
    """The order of the issues of a review. Safe to use from several threads.

    issues (sequence of LabelIssue): in the order of the ranking.
    load (callable): takes the issues and returns what orders them anew; None if nothing does. It may take long, and is
        called in the background when it is first needed.
    decided (callable): returns what is decided at that moment.
    """

    def __init__(
        self,
        issues: Sequence[LabelIssue],
        load: Optional[Callable[[Sequence[LabelIssue]], Rerank]],
        decided: Callable[[], dict[int, bool]],
    ) -> None:
        self._issues, self._load, self._decided = issues, load, decided
        self._rerank: Optional[Rerank] = None
        self._lock = threading.Lock()
        self._known: dict[int, bool] = {}  # what the order follows, or will when it is made
        self._at_work = False
        self.version = 0
        self._shown: dict[str, Any] = {"version": 0, "decided": 0, "order": [], "scores": [], "problem": ""}

    @property
    def shown(self) -> dict[str, Any]:
        """What a page needs: "version", number of the order; "order", numbers of the issues, empty if it is that of the
        ranking; "scores" of the issues, by number; how many were "decided"; and the "problem", why there is none."""
        return self._shown

    def follow(self, every: int = EVERY) -> None:
        """Make a new order in the background if there are so many new decisions since the last one."""
        if self._load is None:
            return
        with self._lock:
            decided = self._decided()
            new = sum(self._known.get(one) != wrong for one, wrong in decided.items())
            new += sum(one not in decided for one in self._known)
            if self._at_work or new < every:
                return
            self._known, self._at_work = decided, True
        threading.Thread(target=self._make, args=(decided,), daemon=True).start()

    def _make(self, decided: dict[int, bool]) -> None:
        found: dict[str, Any] = {"decided": len(decided), "order": [], "scores": [], "problem": ""}
        try:
            if self._rerank is None:
                assert self._load is not None
                self._rerank = self._load(self._issues)
            made = self._rerank(decided)
            found.update(order=made.numbers, scores=[number(score) for score in made.scores])
        except (ValueError, OSError) as error:  # the order of the ranking does as well
            found["problem"] = brief(str(error), LONG)
        with self._lock:
            self.version += 1
            self._shown = {"version": self.version, **found}
            self._at_work = False
        self.follow()  # what was decided meanwhile
