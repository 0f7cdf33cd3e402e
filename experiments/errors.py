"""Every message of the experiments' own errors, with codes that no message of the package has."""

from __future__ import annotations

from spacy_seginf.errors import Coded


class LabErrors(metaclass=Coded):
    # Methods that only experiments use
    S096 = "This method needs {package}, which is not installed. Install it with: pip install {package}"
    S111 = (
        "The component '{name}' explains '{component}' through a head that was attached to it, so the pipeline can't "
        "be trained anew without labels. Take a pipeline whose crf_tagger was trained itself."
    )
    S112 = (
        "The pipeline was trained with frozen or annotating components ({components}), which training anew does not "
        "do. Take one in which everything was trained."
    )
    # Experiments of the paper
    S130 = "There is no {path}, which the experiment reads. {source}"
    S131 = (
        "The block [experiment] of {path} gives no experiment: {what}. Its @misc must be a function that returns an "
        "object with run(folder, progress, say), such as spacy_seginf.Validity.v1. Import your own with --code."
    )
    S132 = "The setting {setting} of the experiment {name} is {value!r}. {allowed}"
    S133 = "{path}, line {number}: {what}. The file should hold one JSON object per document; make or fetch it anew."
    S134 = "There are {found} {what}, and the experiment needs at least {needed}. Give it more, or other sentences."
    S135 = (
        "The fit of the head stopped at a gradient of {gradient:.1e} with l2 = {l2:g}, so effects of single labels "
        "would drown in what is left. Use a larger l2."
    )
    S136 = "{path} is no result of `python -m experiments run`: {what}. Run the experiment again, or remove it."
    S137 = "There are no results (NAME.json) in {path}. Run `python -m experiments run CONFIG {path}` first."
    # Its planted artifact
    S140 = "Document {number} of the corpus has an artifact already. Plant it in the corpus without artifacts."
    S141 = "The setting {setting} of the planted artifact is {value!r}. {allowed}"
    S142 = (
        "A share of {share} of {documents} documents, of which {eligible} have a token outside of entities, gives no "
        "document to plant an artifact in. Take a larger share, or a corpus with annotated entities."
    )
    S143 = "The corpus {path} would be replaced by itself with an artifact. Write to another file."
    S144 = (
        "The pipeline {path} can't be asked about artifacts: {problem}. Train and index it on the corpus that `seginf "
        "plant-artifact` wrote, with --curvature exact and --keep 1."
    )
    S145 = "The setting {setting} of the experiment is {value!r}. {allowed}"
    S146 = (
        "No token after an artifact of {path} is predicted as the artifact says, by any pipeline, so there is nothing "
        "to explain. Check that the pipelines were trained on planted corpora, and long enough."
    )
    # Its noise
    S150 = (
        "{path}, line {number}: the document's id is {id!r}, which is missing or there twice. Give every document an "
        "id of its own, as the corpora of the index have them."
    )
    S151 = (
        "The document {id!r} of the index {path} is not in the file with the corrected labels. Name the file that the "
        "indexed corpus was converted from."
    )
    S152 = (
        "The document {id!r} has {counts[0]} tokens in the file with the corrected labels, and {counts[1]} from token "
        "{first} on in the index {path}. Index whole documents, of the corpus that was converted from this file."
    )
    S153 = (
        "The document {id!r} has other labels in the index {path} than in the file with the corrected labels. Index "
        "the corpus that was converted from this file's `labels`."
    )
    S154 = (
        "The document {id!r} has the corrected label {label!r}, which the tagger does not know (it knows: {known}). "
        "Map the label, or train a tagger that has it."
    )
    S155 = (
        "The index of {path} has curvature {curvature!r} and a head that was {refit}. Build it with `seginf "
        "index --curvature exact`, and without --no-refit."
    )
    S156 = "There are {found} {what}, and {needed} are needed. Take fewer, or another file."
    S157 = (
        "The pipeline {path} can't judge labels that it has not seen: its component '{name}' has the tags {found}, and "
        "the indexed one {known}. Train it like that one, on a part of the documents."
    )
    # Its dosages
    S161 = (
        "The pipeline {path} can't be asked about dosages: {problem}. Train with --components.crf_tagger.scheme IO on "
        "labels that tell interventions apart, and index with --curvature exact and --keep 1."
    )
    S162 = "The setting {setting} of the experiment is {value!r}. {allowed}"
