"""A component that holds an index: opened, checked against its pipeline, written with it, and read back."""

from __future__ import annotations

import gc
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Iterable, Iterator, Optional

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from typing_extensions import Self

from ..attribution.method import Method
from ..crf.schemes import TAG
from ..errors import Errors, SeginfError
from ..files import replace_folder, write_bytes
from ..index.index import Index
from ..index.tables import Filter
from ..settings import DEFAULTS, IndexSettings
from ..tagger.crf_tagger import CRFTagger, find_tagger
from ..tagger.fingerprint import encoder_fingerprint, encoder_stamp, head_fingerprint
from ..tagger.handover import is_paused, pausing, register
from .account import Accountant
from .explainer import Explainer, rows_of
from .extensions import register_extensions
from .label_reasons import Rationale
from .method_explainer import MethodExplainer, index_context
from .settings import check_component
from .stability import RECORD, Stability
from .storing import Sources

METHOD_FOLDER = "method"  # beside the index
_PREPARING = RLock()  # of methods, one at a time; of the module, so that components can be pickled


class IndexHolder(Pipe):
    """Holds settings and the index of a pipeline, with what is read from it once and kept."""

    def __init__(
        self,
        nlp: Language,
        name: str = "influence",
        *,
        tagger: str = "crf_tagger",
        top_k: int = 5,
        context: int = 40,
        unit: str = "entity",
        refine: int = 0,
        families: int = 3,
        settings: IndexSettings = DEFAULTS,
        explained: str = "all",
        method: Optional[Method] = None,
    ) -> None:
        least = {"top_k": (top_k, 1), "context": (context, 0), "refine": (refine, 0), "families": (families, 0)}
        check_component(name, unit, explained, method, least)
        register_extensions()
        self.nlp, self.vocab, self.name, self.tagger_name = nlp, nlp.vocab, name, tagger
        self.top_k, self.context, self.unit = top_k, context, unit
        self.refine, self.families = refine, families
        self.settings, self.explained, self.method = settings, explained, method
        self.where: Optional[Filter] = None  # which references may be found
        self.index: Optional[Index] = None
        # Read once and replaced as a whole, because several threads may use a pipeline.
        self._explainer: Optional[Explainer] = None
        self._method_explainer: Optional[MethodExplainer] = None
        self._sources: Optional[Sources] = None
        self._stability: Optional[tuple[Index, Optional[Stability]]] = None
        self._encoder: Optional[tuple[Any, str]] = None  # stamp and fingerprint of the encoder, as last seen
        self._warned = False
        register(self)

    def __setstate__(self, state: Any) -> None:
        """Arrive in another process."""
        super().__setstate__(state)  # type: ignore[misc]  # Cython's
        register_extensions()
        register(self)

    def find_tagger(self) -> CRFTagger:
        """Return the explained tagger. RAISES (ValueError): S023 if there is none, S024 if it is no crf_tagger."""
        return find_tagger(self.nlp, self.tagger_name)

    @property
    def used_unit(self) -> str:
        """Schemes without entities have single tokens only."""
        return "token" if self.find_tagger().scheme.name == TAG else self.unit

    def explainer(self) -> Explainer:
        """Return what searches the index, after checking that the index is this pipeline's. ``explainer().effects`` is
        the interface for research: gradients, scores, removal, relabelling and refits of any training segments.

        Head and encoder are checked every time, because the tagger may go on learning in this process: the small head
        by all its numbers, the encoder by a stamp, and by all its numbers if that is a new one.
        RAISES (ValueError): S020 without an index, S025 if it belongs to another pipeline.
        """
        index = self.index
        if index is None:
            raise SeginfError(Errors.S020)
        tagger, manifest = self.find_tagger(), index.manifest
        if list(tagger.tags) != manifest.tags:
            raise SeginfError(Errors.S025.format(what="the list of labels"))
        if head_fingerprint(tagger.model) != manifest.head_fingerprint:
            raise SeginfError(Errors.S025.format(what="the tagger's head"))
        if self._encoder_fingerprint() != manifest.encoder_fingerprint:
            raise SeginfError(Errors.S025.format(what="the encoder"))
        explainer = self._explainer
        if explainer is None or explainer.index is not index:
            self._explainer = explainer = Explainer(index)
        return explainer

    def _encoder_fingerprint(self) -> str:
        """Return the encoder's fingerprint, which takes long where it is large, so it is kept under a stamp."""
        stamp, known = encoder_stamp(self.nlp, self.tagger_name), self._encoder
        if known is None or known[0] != stamp:
            self._encoder = known = stamp, encoder_fingerprint(self.nlp, self.tagger_name)
        return known[1]

    def sources(self, explainer: Optional[Explainer] = None) -> Sources:
        """Return what references and families are described by.

        explainer (Explainer): what has found them; ``explainer()`` if None. RAISES (ValueError): as ``explainer``.
        """
        index, scheme = (explainer or self.explainer()).index, self.find_tagger().scheme
        known = self._sources
        table = rows_of(index, self.used_unit)
        if known is None or known.table is not table or known.context != self.context:
            accountant = Accountant(index, scheme) if index.has_evidence else None
            known = Sources(table, self.used_unit, self.context, Rationale(index, scheme), accountant)
            self._sources = known
        return known

    @property
    def stability(self) -> Optional[Stability]:
        """What pipelines that differ in the seed predict, if `seginf stability` has measured it. RAISES (ValueError):
        S341 if the record is damaged."""
        index, known = self.index, self._stability
        if index is None:
            return None
        if known is None or known[0] is not index:
            self._stability = known = index, Stability.read(index.folder.parent)
        return known[1]

    def method_explainer(self, *, storing: bool = False) -> MethodExplainer:
        """Return what scores training labels by the component's ``method``. The first call may take long: it prepares
        the method, with a warning, unless `seginf index` has done so.

        storing (bool): no warning: this is what `seginf index` does.
        RAISES (ValueError): S020 to S026 as ``explainer``; S035 if the index was pruned; those of the method.
        """
        return self._by_method(self.explainer(), storing=storing)

    def _by_method(self, explainer: Explainer, *, storing: bool = False) -> MethodExplainer:
        method, table = self.method, explainer.table(self.used_unit)
        assert method is not None
        with _PREPARING:  # others wait for what takes long, rather than doing it too
            known = self._method_explainer
            if known is None or known.method is not method or known.table is not table:
                context = index_context(self.nlp, self.tagger_name, explainer.index, self.used_unit)
                folder = explainer.index.folder.parent / METHOD_FOLDER
                self._method_explainer = known = MethodExplainer(context, table, method, folder, storing=storing)
        return known

    def check_method(self) -> None:
        """Make sure, before an index is built, that ``store_method`` will have what it needs.

        RAISES (ValueError): S028 if the index is to be pruned; those of the method.
        """
        if self.method is not None and self.method.stored:
            if self.settings.keep < 1 or self.settings.tolerance > 0:
                value = f"{self.settings.keep}, with a tolerance of {self.settings.tolerance}"
                allowed = f"The method '{self.method.name}' needs all labels: 1 and 0."
                raise SeginfError(Errors.S028.format(setting="keep", what="the index", value=value, allowed=allowed))
            self.method.check(self.nlp, self.tagger_name)

    def store_method(self) -> None:
        """Prepare the component's method, if it is a slow one, and write its files beside the index."""
        if self.method is not None and self.method.stored and self.index is not None:
            folder = self.index.folder.parent / METHOD_FOLDER
            attribution = self.method_explainer(storing=True).attribution
            folder.mkdir()
            attribution.save(folder)

    def load_index(self, folder: Path) -> None:
        """Open an index. RAISES (ValueError): S030, S031, S032 if it is missing, of another version, or damaged."""
        self._exchange(Index(folder))

    def unload_index(self) -> None:
        """Close the index; the component is inert again."""
        self._exchange(None)

    def _exchange(self, index: Optional[Index]) -> None:
        known, self.index = self.index, index
        self._explainer = self._method_explainer = self._sources = self._stability = None
        if known is not None:
            del known
            gc.collect()  # an index and its tables refer to each other, so only this lets their mapped files go

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Skip the search in a with-block, as `spacy evaluate` does; other threads go on explaining."""
        with pausing(self):
            yield

    def reads(self, tagger: Any, doc: Doc) -> bool:
        """Will this component explain what a tagger predicts of a document?

        It may be part of other pipelines than that which it was made for, or be called by itself; in doubt it will.
        """
        if self.index is None or is_paused(self) or self.tagger_name not in self.nlp.component_names:
            return False
        if self.nlp.get_pipe(self.tagger_name) is not tagger:
            return False
        enabled = [component for _, component in self.nlp.pipeline]
        return doc.vocab is not self.nlp.vocab or (self in enabled and tagger in enabled)

    def to_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> None:
        """Write the index, if there is one, to an ``index`` folder, and beside it the files of a stored method and the
        record of `seginf stability`. What they replace goes last."""
        folder = util.ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        own = None if self.index is None else self.index.folder
        for name, source in ((METHOD_FOLDER, own and own.parent / METHOD_FOLDER), ("index", own)):
            target = (folder / name).absolute()
            if source is None or not source.exists():
                shutil.rmtree(target, ignore_errors=True)
            elif not (target.exists() and target.samefile(source)):
                _replace_by_copy(source, target)
        record, target = own and own.parent / RECORD, folder.absolute() / RECORD
        if record is None or not record.exists():
            target.unlink(missing_ok=True)
        elif not (target.exists() and target.samefile(record)):
            write_bytes(target, record.read_bytes())

    def from_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> Self:
        """Open the index in a pipeline folder, if there is one."""
        folder = util.ensure_path(path) / "index"
        if folder.exists():
            self.load_index(folder)
        else:
            self.unload_index()
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the path of the index, not its content: pickling ``nlp`` copies no training data."""
        path = None if self.index is None else str(self.index.folder.absolute())
        return srsly.msgpack_dumps({"index": path})

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Open the index at the serialized path. RAISES (ValueError): S030 if it is not there any more."""
        path = srsly.msgpack_loads(bytes_data)["index"]
        if path is not None:
            self.load_index(Path(path))
        else:
            self.unload_index()
        return self


def _replace_by_copy(source: Path, target: Path) -> None:
    copy = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        shutil.copytree(source, copy, dirs_exist_ok=True)
        replace_folder(copy, target)
    finally:
        shutil.rmtree(copy, ignore_errors=True)
