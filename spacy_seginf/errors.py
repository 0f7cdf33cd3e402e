"""Every message that this package raises or warns with: what is wrong, where, and what to do next."""

from __future__ import annotations

BUILD_AGAIN = "Build it again with `python -m spacy seginf index`."  # an index of which something is missing
OWN_TOKENS = "Ask for tokens of this document."


class SeginfError(ValueError):
    """What this package refuses. Its message begins with a code, such as [S040].

    >>> try:
    ...     spacy_seginf.explain("nowhere", "Ada Lind visited Tarnby .")
    ... except spacy_seginf.SeginfError as error:
    ...     error.code
    'S040'
    """

    @property
    def code(self) -> str:
        """The code alone: "S040"."""
        return str(self)[1:].partition("]")[0]


class Coded(type):
    """Put the code in front of the message when it is read: ``Errors.S001`` -> ``[S001] ...``."""

    def __getattribute__(cls, code: str) -> object:
        message = super().__getattribute__(code)
        return message if code.startswith("__") else f"[{code}] {message}"


class Warnings(metaclass=Coded):
    W001 = (
        "The component '{name}' has no index, so it adds nothing to documents. Build one with: "
        "python -m spacy seginf index MODEL CORPUS.spacy OUTPUT, then load OUTPUT."
    )
    W002 = (
        "{count} of the {total} documents of {path} are left out, as in training: the corpus reader (limit, "
        "max_length) or the batcher (discard_oversize) of the pipeline's config does not let them through. Change "
        "these settings and train anew if they should be learned from."
    )
    W003 = (
        "{count} documents of {path} have no annotation at all (all labels are missing) and are left out. Annotate "
        "them, with O where there is no entity, if they should count."
    )
    W004 = (
        "{count} tokens of {path} have no label (missing or misaligned annotation). They are neighbours of other "
        "tokens at their most probable label, but no references themselves. Annotate them if they should be."
    )
    W005 = (
        "The refit of the head stopped at a gradient of {gradient:.1e} instead of {tolerance:.0e}: predicted and real "
        "effects are less exact than they could be. Use a larger penalty (`seginf index --l2`)."
    )
    W006 = (
        "The method '{method}' is being prepared, which may take minutes, and again in every process. Run `python "
        "-m spacy seginf index` with this method in the pipeline's config to keep the result with the index."
    )
    W007 = (
        "The tagger makes no mistake in {path}, so no label supports one: the order is that of the scores alone. Name "
        "texts that it tags wrongly, with their right labels."
    )
    W008 = (
        "Annotated documents of {path} are not in the index ({count}, such as {id!r}), so nothing is said of their "
        "labels. Add those that are new (`seginf append`); what training left out may stay."
    )
    W060 = (
        "The reader {reader} of the pipeline's training changes texts at random (its augmenter). The index holds the "
        "texts as they are in the corpus; leave the augmenter out to train on the same."
    )
    W061 = (
        "{path} has labels that the tagger '{name}' does not have, so they are taken for missing ones: {labels}. It "
        "has: {known}. Map them if they mean one of these."
    )
    W070 = (
        "Several components have an index: {known}. What follows is that of '{name}', whose explanations doc, token "
        "and span show. Leave the others out of the pipeline to see one of them."
    )
    W071 = (
        "Training goes by {known}, not by {score}, which is the score of component '{name}'. Add {score} to "
        "[training.score_weights]; else model-best is chosen without it."
    )
    W072 = (
        "No document has spans that component '{name}' is to learn are wrong: its incorrect_spans_key is '{key}'. Name "
        "the key of doc.spans that holds them, or take the setting away."
    )


class Errors(metaclass=Coded):
    # Labels and schemes
    S001 = "Unknown tagging scheme '{scheme}' of component '{name}'. Use one of: {known}."
    S002 = (
        "The labels of component '{name}' contradict the scheme {scheme}: {problem}. Use entity types such as "
        "'PER'; the tags ('B-PER', 'I-PER', ...) are derived from them."
    )
    S003 = (
        "The annotation of {where} uses the label '{label}', which component '{name}' does not have (it has: {known}). "
        "Add it with add_label before initialization, rerun `spacy init labels`, or map the label in the corpus."
    )
    S004 = (
        "Component '{name}' has no labels and found none in the first documents of the training corpus. Check that "
        "{where} is set in the corpus (documents in which it was never set count as missing annotation), or give "
        "the labels in [initialize.components.{name}.labels]."
    )
    S251 = (
        "{where} has spans that overlap: {one} and {other} (token {start}), and one component tags one layer of "
        "spans that do not. Give each layer a key and a component of its own."
    )
    S252 = "Unknown target '{target}' of a crf_tagger. Use one of: {known}."
    S253 = "Component '{name}' lacks the label '{label}', so it has no probability. Use one of: {known}."
    S254 = (
        "There are no scores of component '{name}' for this document (but of: {known}). Those that a file or another "
        "process (n_process) has given back have none. Run nlp on the text in this process."
    )
    S255 = (
        "The tokens of this document are others than a crf_tagger has tagged ({then} then, {now} now). Run nlp on the "
        "text again, and ask before tokens are merged or split."
    )
    S296 = (
        "The component '{name}' predicts no {what} in {path}, so there is nothing that probabilities could be fit to. "
        "Name texts of its kind, with labels."
    )
    S317 = (
        "The training corpus {path} has no {what}, which the component '{name}' predicts, so all of them would be new. "
        "Name the corpus that it was trained on, or leave out --training."
    )
    S318 = (
        "No decision can be made about this training label: {problem}. Give references of an explanation by this very "
        "pipeline, of entities where it predicts entities (`seginf index --unit entity`)."
    )
    S297 = (
        "The least probability {value!r} of {label} (min_probability of component '{name}') is none. Give a number "
        "from 0 to 1."
    )
    S319 = (
        "The setting min_probability of component '{name}' names the label '{label}', which it does not have. Use one "
        "of: {known}; or *, for all others."
    )
    S298 = (
        "spaCy can't make the language {lang!r} (--lang): {problem}. Name one by its code, such as en, de or zh (xx "
        "stands for any), or install what it needs."
    )
    S299 = "The file {path} exists already. Name another output, or replace it with --force."
    S295 = (
        "The components {components} both write {where}, so that one would overwrite the other. Give one another "
        "target, or leave it out of the pipeline."
    )
    S309 = (
        "The component '{name}' predicts something in one document of {path} only, so there is no other that its "
        "probabilities could be judged by. Name more documents."
    )
    S312 = (
        "The model reads one predicate from doc.spans['{key}'], and the text {text!r} has {count} there. Set it; read "
        "corpora by spacy_seginf.PropositionCorpus.v1; make one document of each predicate with "
        "spacy_seginf.propositions(doc)."
    )
    S313 = (
        "The role {label} {role!r} of the text {text!r} has no proposition: {problem}. Give roles the number of their "
        "predicate's first token as span.id_."
    )
    S314 = "The predicate {predicate!r} of the text {text!r} can't have roles: {problem}. Mark another span, or none."
    S315 = (
        "No component of the pipeline ({components}) writes doc.spans['{key}']. Load a trained pipeline with the "
        "target spans:{key}, or name the key of its roles."
    )
    S310 = "The tag '{label}' is none that {where} can have, which are: {known}. Use the target tag for other tags."
    S311 = "No document of {path} has {what}. Name another key with --target spans:KEY (there are: {known})."
    S005 = "Can't add the label '{label}' to '{name}': its output layer has been initialized for {known}. Train anew."
    # Features and models
    S010 = (
        "Component '{name}' reads its features from an upstream component that has not processed this document: "
        "all features are zero. Enable the upstream '{upstream}' component and keep it before '{name}'; features are "
        "also gone after doc_cleaner. Text: {text}"
    )
    S011 = (
        "Component '{name}' has not been initialized or trained. Train it with `python -m spacy train`, or load a "
        "trained pipeline."
    )
    S012 = "The loss of '{name}' is not a number. Lower the learning rate, clip gradients, or check the features."
    S013 = (
        "The encoder of '{name}' gave no features for {count} of {total} tokens, the first of them {token!r} (token "
        "{position}): the text is longer than the encoder can read, and its end would be tagged blindly. Use shorter "
        "strided spans in [components.transformer.model.get_spans], or split the document. Text: {text}"
    )
    S014 = (
        "The encoder of '{name}' gave features that are not finite (NaN or infinity), first for token {token!r} (token "
        "{position}). Its weights or vectors are damaged, or overflow: train it anew with a lower learning rate or in "
        "float32. Text: {text}"
    )
    S015 = (
        "The weights of component '{name}' are not finite (NaN or infinity): its training diverged. Train it anew with "
        "a lower learning rate, or take an earlier checkpoint."
    )
    # Influence component
    S020 = (
        "No influencers are stored on this document. Load a pipeline that `python -m spacy seginf index` wrote, keep "
        "the 'influence' component enabled, and process the text with nlp(text) or nlp.pipe; `spacy train` and "
        "`spacy evaluate` skip the search."
    )
    S021 = (
        "There is no stored explanation for the span {span!r} (tokens {start} to {end}): explanations are stored for "
        "every token and every entity. Other spans are explained when they are asked for, while the pipeline is there "
        "that made the document and they have tokens. Load it and process the text again, or call "
        "nlp.get_pipe('influence').explain(doc, span, labels)."
    )
    S022 = (
        "The tokens of this document changed after the influence component ran: token {token!r} at character {offset} "
        "was not explained. Put components that merge or split tokens before '{name}'."
    )
    S023 = (
        "The pipeline has no component '{tagger}' whose predictions could be explained (it has: {known}). Set the "
        "tagger in the config of the influence component; renaming a tagger needs that too."
    )
    S024 = "What is explained is a crf_tagger, but '{tagger}' is a {kind}. Name a crf_tagger in the config."
    S025 = (
        "The index does not belong to this pipeline: {what} differs from when the index was built. The pipeline was "
        "trained or changed since. Build the index again: python -m spacy seginf index MODEL CORPUS.spacy OUTPUT"
    )
    S026 = (
        "Component '{name}' explains what '{tagger}' has just predicted, but '{tagger}' has not run on this document. "
        "Put '{name}' after '{tagger}' in the pipeline, and enable both."
    )
    S027 = (
        "An index has no setting '{setting}'. Use one of: {known}, on the command line as --{section}.{first} VALUE; "
        "`python -m spacy seginf index --help` explains them."
    )
    S028 = "The setting {setting} of {what} is {value!r}. {allowed}"
    S029 = "This part of this document can't be explained as asked: {problem}. {advice}"
    S187 = (
        "The component '{name}' has stored no explanation on this document; these have: {known}. Name one of these, or "
        "enable '{name}' and process the text again."
    )
    # Refit and curvature
    S050 = (
        "The l2 weight {l2} is not a positive number. Without it the head has no single optimum: constant shifts of "
        "biases and transitions change nothing. Give a positive --l2."
    )
    S051 = (
        "The Hessian of the head's loss is not positive definite, so the effect of removing a label is not defined. "
        "Use a larger --l2."
    )
    # Attaching a head to a trained component
    S060 = (
        "The pipeline has no enabled ner or tagger component to explain (it has: {known}). Name another pipeline, or "
        "enable the component."
    )
    S061 = "The pipeline has several components that could be explained. Choose one with --component: {known}."
    S062 = "There is no enabled ner or tagger component '{component}' in the pipeline. Choose one of: {known}."
    S063 = (
        "The pipeline has a crf_tagger already ('{name}'), which explains predictions itself. Run `python -m spacy "
        "seginf index` on it; to attach another head, start from the pipeline without '{name}'."
    )
    S064 = (
        "The corpus {path} has labels that component '{component}' does not have: {unknown} (it has: {known}). Map or "
        "remove them in the corpus; it should be the one that trained the component."
    )
    S065 = (
        "Component '{component}' predicted the label '{label}', which the head of '{name}' does not have (it has: "
        "{known}), so this document can't be explained. If another component wrote it, place that one behind the "
        "influence component; if labels were added later, run `python -m spacy seginf attach` again."
    )
    S066 = (
        "Component '{name}' explains '{component}' through a head that is its finished output layer, and does "
        "not train. Train the pipeline without '{name}' and its influence component (nlp.remove_pipe, or take them out "
        "of the config), then run `python -m spacy seginf attach` on the result."
    )
    S067 = (
        "The encoder of component '{component}' can't be reused: {what}. Attach to a model with a tok2vec "
        "sublayer that is described in [components.{component}.model.tok2vec]."
    )
    S068 = (
        "Component '{name}' hands on the predictions of '{component}', but there are none on this document. Enable "
        "'{component}' and keep it before '{name}'. Text: {text}"
    )
    S069 = (
        "The scheme TAG of component '{name}' is for explaining a trained tagger (`python -m spacy seginf attach`). To "
        "train a crf_tagger, use BIO, BILUO or IO."
    )
    S070 = (
        "The corpus {path} has no {what} at all, so there is nothing to fit. Check that it was converted with labels."
    )
    S071 = (
        "The index has identity curvature, which ranks labels but predicts no effect of changing one. Build it again "
        'with curvature = "exact" in [components.influence].'
    )
    # Beyond one machine
    S080 = "Working on a cluster needs dask. Install it with: pip install {package}"
    S081 = (
        "There is no dask scheduler at {address} ({what}). Start one with `dask scheduler`, and workers with `dask "
        "worker {address}`."
    )
    # Attribution methods
    S095 = "The setting {setting} of the method {method} is {value!r}. {allowed}"
    S097 = (
        "The setting method of component '{name}' is {value!r}, which is no attribution method. Give it a block such "
        'as [components.{name}.method] with @misc = "spacy_seginf.SegmentInfluence.v1".'
    )
    S099 = (
        "There is no attribution method '{name}'. Use one of those that are registered in spaCy's registry 'misc': "
        "{known}."
    )
    S113 = "Scores of the method '{method}' are no sums over words. Use one that is, such as spacy_seginf.TracInWE.v1."
    # Index on disk
    S030 = "There is no complete index in {path}: {what}. {advice}"
    S031 = "The index in {path} has format version {found}; this version of the package reads {known}. {advice}"
    S032 = "The index file {path} is damaged: {what}. Build the index again, or restore the file."
    S033 = (
        "The shard {path} does not belong to the index in {index}: it comes from another build. Build the index again, "
        "or restore the shard."
    )
    S034 = (
        "The features of this encoder reach {largest:.3g}, more than float16 can hold. Build the index with --dtype "
        "float32."
    )
    S035 = (
        "The index in {path} was pruned: {count:,} labels were left out, so nothing can be refitted or verified with "
        "it. Build it again with --keep 1."
    )
    S036 = (
        "There is no space left for {path}. What was there before is untouched. Free some space (or use --dtype int8, "
        "--keep 0.1) and run the command again: {kept}"
    )
    S037 = "Another command is building {path} right now. Wait for it, or choose another output folder."
    S038 = (
        "The index file {path} can't be opened: {what}. All files of an index are open while it is in use; allow more "
        "(ulimit -n, and vm.max_map_count for thousands of shards), or build it with larger shards (--shard-tokens)."
    )
    S039 = "The index in {path} was replaced while it was searched. Search it again."
    # Command line and corpora
    S040 = "There is no {what} at {path}. Check the path."
    S041 = "The corpus {path} holds no documents with annotated tokens. Check that it was converted with labels."
    S042 = "{path} is not a .spacy corpus: {what}. Convert it first, for example with `python -m spacy seginf convert`."
    S043 = "The output folder {path} exists already. Choose another, or pass --force to replace it."
    S044 = (
        "The pipeline {path} has no trained crf_tagger, so there is nothing to explain (it has: {known}). Train one, "
        "or attach a head to its ner or tagger: python -m spacy seginf attach"
    )
    S188 = "The pipeline {path} has several crf_taggers that could be indexed: {known}. Choose one with --tagger."
    S189 = "There is no enabled crf_tagger '{tagger}' in the pipeline {path}. Choose one of: {known}."
    S256 = (
        "The index {path} has no evidence: it is of an earlier version, or its head was not fitted (refit = false, or "
        "identity curvature without a penalty). Build it again with `python -m spacy seginf index`."
    )
    S257 = (
        "The argument against = {label!r} is what {text!r} is predicted to be already, so there is nothing to weigh. "
        "Give another label, or none: then the most probable other reading is taken."
    )
    S258 = (
        "The method evidence needs a head that was fitted with a penalty, and this index has none. Build it again with "
        "`seginf index` and without --no-refit."
    )
    S259 = (
        "GPU {number} (--gpu-id) can't be used: {problem}. Leave --gpu-id out to compute on the CPU, or install what "
        "it needs: pip install 'cupy-cuda12x' (for CUDA 12), and a torch that was built for it."
    )
    S260 = "The pipeline {path} has several components with an index: {known}. Choose one with --component."
    S261 = "There is no component '{component}' with an index in the pipeline {path}. Choose one of: {known}."
    S262 = "{path} can't be written: {problem}. Name another file for the {what}."
    S263 = (
        "{path} is a file, and a pipeline is a folder or a package. Name the folder that `python -m spacy train` or "
        "`python -m spacy seginf index` wrote{hint}."
    )
    S264 = "'{label}' ({option}) is no {what} that {where} has. Use one of: {known}."
    S265 = (
        "The pipeline {path} for --opinion says the same of every token (it has: {known}), so it has no opinion. Give "
        "one that predicts {what}."
    )
    S266 = (
        "The pipeline {path} for --features has neither an encoder (tok2vec, transformer) nor static vectors (it has: "
        "{known}), so it knows nothing of words. Give another."
    )
    S267 = (
        "{path} holds no pipelines trained on folds, or not all of them. Train them (a stopped run goes on) with "
        "`python -m spacy seginf crossfit`."
    )
    S268 = (
        "The pipelines in {path} were trained on folds of another corpus, or of another version of it. Train them "
        "again with `python -m spacy seginf crossfit CONFIG CORPUS OUTPUT`."
    )
    S269 = (
        "The pipeline {path} has no crf_tagger (it has: {known}), so it predicts no labels with probabilities. Train "
        "folds of a config that has one."
    )
    S293 = (
        "The folder {path} holds something else, or pipelines trained on folds of another corpus or with other "
        "settings. Choose another folder, or delete this one."
    )
    S294 = (
        "{path} has {documents} different documents, so there can't be {folds} folds (fold to train: {fold}). Choose "
        "from 2 up to that many folds, and a fold from 0 on."
    )
    S340 = (
        "The folder {path} holds something else, or pipelines trained on another corpus or with other settings. Choose "
        "another folder, or delete this one."
    )
    S341 = "{path} is damaged. Write it again with `python -m spacy seginf stability`, or delete it."
    S343 = (
        "In {path}, tokens {start} to {end} of the document {document} are not annotated as in the index of "
        "{pipeline}. Give the corpus that was indexed."
    )
    S344 = (
        "The config {path} trains no crf_tagger of its own (it has: {known}), and only these predict labels with "
        "probabilities. Give one that does; `python -m spacy seginf init-config` writes one."
    )
    S342 = (
        "There can't be {seeds} trainings for {path} (seed to train: {seed}). Choose 2 or more with --seeds, and a "
        "--seed below that, from 0 on."
    )
    S270 = (
        "The index in {path} has {problem}, so nothing can be refit by it. Build it again with --refit and --curvature "
        "exact (or kfac)."
    )
    S271 = "'{to}' is no label of the tagger '{name}' (it has: {known}). Choose one of these, or none."
    S272 = (
        "{text!r} ({where}) is predicted as '{to}' already, so nothing has to change for it. "
        "Choose another label with --to, or none, to see what would take this one away."
    )
    S273 = "The setting {setting} is {value!r}. {allowed}"
    S274 = "The text has no {what} {span!r}. Name words that it has, as they are written there: {text!r}"
    S275 = (
        "A decision does not fit the index in {path}: {where} ({words}) {problem}. Index the corpus that the decisions "
        "were made on, or leave them out."
    )
    S276 = (
        "The format of {path} can't be told from its name. End it in one of: {known}. To ask about these words "
        "themselves, give them through standard input (-)."
    )
    S277 = (
        "There is no corpus at {path}{hint}. Check the path. To ask about these words themselves, give them through "
        "standard input (-)."
    )
    S278 = (
        "{path} is a file, and one text is asked for. Give its words, or read them from standard input (-); `seginf "
        "explain` and `seginf preview` take corpora."
    )
    S279 = "{what} is not encoded in UTF-8 ({problem}). Convert it, and give it again."
    S045 = (
        "None of the labels of the corpus {path} ({found}) is a label of the tagger '{name}' ({known}). Name the "
        "corpus that it was trained on, or map the labels."
    )
    S046 = (
        "The output folder {path} {problem}, so nothing is written there. Name the folder of an earlier result (with "
        "--force), or one that does not exist."
    )
    S047 = (
        "The reader {reader} of the pipeline's training can't be used on {path}: {what}. Set [corpora.train] and "
        '[corpora.dev] in its config to @readers = "spacy.Corpus.v1", with a corpus of the texts that training saw.'
    )
    # Comparing attribution methods
    S100 = "There is no method '{name}' in {path} (it has: {known}). Add a block [methods.{name}], or choose another."
    S101 = "{what}, so there is nothing to compare methods on. Use other texts or another index."
    S102 = (
        "The block [methods.{name}] of {path} gives no method: {what}. Its @misc must be a function that returns a "
        "spacy_seginf Method; registered are: {known}. Import your own with --code."
    )
    S103 = "The setting {setting} of the comparison is {value}. {allowed}"
    S104 = "The method '{name}' gave unusable scores: {what}. Make it give one finite number per query and segment."
    S110 = (
        "Pictures need matplotlib. Install it with: pip install {package}. Or leave them out: `seginf "
        "evaluate` with --no-plots, `seginf rank` without --plot."
    )
    # Scores of label quality
    S105 = "The scores cleanlab_... need cleanlab. Install it with: pip install 'cleanlab>=2.7'"
    S106 = "There is no score '{score}'. Use one of: {known}."
    S107 = (
        "The score '{score}' needs {needs}, which were not given. Give trusted documents for 'trusted' (`--trusted "
        "CORPUS.spacy`), p(label | text) at several checkpoints for 'checkpoints' (`--checkpoints FOLDER`), the tokens "
        "of all documents for 'words' (every index has them)."
    )
    S108 = (
        "The pipelines can't be compared: component '{name}' has the tags {found} in one and {known} in the first. "
        "Load checkpoints of one training."
    )
    S109 = "{setting} is {value!r}. Use one of: {known}."
    # Checkpoints and gradients of the encoder
    S090 = (
        "There are no checkpoints in {path}: {problem}. Train with [training.logger] set to "
        '@loggers = "spacy_seginf.CheckpointLogger.v1" and path = "{path}".'
    )
    S091 = (
        "The checkpoint {path} does not have the labels of this pipeline: {problem}. Use checkpoints of the training "
        "run that made the pipeline."
    )
    S092 = (
        "The checkpoint {path} is one of another architecture: {problem}. Use checkpoints of the training run that "
        "made the pipeline."
    )
    S093 = "The file {path} can't be used: {problem}. Make it anew, or restore it."
    S094 = (
        "Component '{name}' has no gradients of the kind that this method needs: {problem}. Use another method, such "
        "as segment influence."
    )
    # Curation: issues and decisions
    S176 = (
        "The head of an attached ner reads its hidden layer, through which no gradients are passed on. Use a method "
        "that reads the head alone (--method): segment influence, nearest neighbours or TracIn-Last."
    )
    S170 = "{path}, line {line}, is no {what}: {problem}. Restore the file, or remove the line."
    S171 = (
        "The decision was not saved: {path} can't be written ({problem}). Free space, or name another file with "
        "--decisions; nothing that was saved before is lost."
    )
    # Ranking
    S210 = (
        "The tagger's labels are not those of doc.ents, and `python -m spacy seginf loop` counts entities. Use "
        "`python -m spacy seginf rank`, `review` and `apply`, and compare what `python -m spacy evaluate` says before "
        "and after."
    )
    S211 = (
        "Two documents of {path} have the id {id!r}, so decisions could not say which is meant. Give every document an "
        "id of its own in doc.user_data['id']."
    )
    S212 = (
        "The index was not built of the corpus {path}: it has the document {id!r}, {problem}. Name the corpus that was "
        "given to `seginf index`, or index this one."
    )
    S213 = (
        "A decision does not fit the corpus: {where} ({words}) has other words or other entities now. Rank with the "
        "corpus that the decisions were made on, or without them."
    )
    S215 = (
        "There are {found} true labels for {tokens} training tokens. Give the truth (--truth) as a corpus of the same "
        "documents, in the same order."
    )
    S216 = (
        "The document {id!r} of the index is not in {path}, or has other words there. Give the truth as a corpus of "
        "the same documents."
    )
    S217 = (
        "The training with {config} failed; its last lines:\n{problem}\nFix what they say, or give another config with "
        "--config. Decisions and the corrected corpus are in the output folder; --force replaces it."
    )
    S218 = "The loop can't begin: {problem}. See `python -m spacy seginf loop --help`."
    S219 = "{path} would be replaced, but it {problem}. Name another file for the {what}."
    S221 = (
        "The index of {path} has identity curvature, under which heads can't be asked what they would say without a "
        "document. Build one with `seginf index --curvature exact` (or kfac)."
    )
    S214 = "There are no label issues of the {what} {value!r}: {problem}. Choose another, or none."
    # Tables, refits and mappings
    S321 = "A frame needs pandas. Install it with: pip install pandas. Or use rows, which are plain data."
    S322 = (
        "The head of the tagger '{name}' in {path} stands for the component '{component}', which a refit does not "
        "change. Train that component on the corrected corpus (`python -m spacy train`)."
    )
    S323 = "The mapping {text!r} can't be followed: {problem}. Write it as OLD=NEW,OLD=NEW; OLD=O takes entities away."
    S324 = (
        "{path}, line {line}, can't be followed: {problem}. Write the words, the type that they have and the new one "
        "into a line, with tabs between them."
    )
    S325 = "Nothing in {path} has the types or words of the mapping ({known} are its types). Name others with --map."
    # A report on a corpus
    S320 = (
        "The index of {model} has none of the documents of {path}, by their ids and words, so its heads can't be asked "
        "about them. Name the corpus that was indexed, or leave --model out."
    )
    # Curation: exchange with annotation tools
    S190 = "The label issue {issue} can't be exported: {problem}. Make the ranking anew, from this corpus."
    S191 = "{path}, {place}: {problem}. Import the file as the tool wrote it, from tasks that `seginf export` made."
    S192 = (
        "{path}, {place}: the issue {issue!r} is not in the ranking. Name the ranking that the tasks were "
        "exported from."
    )
    S193 = "{path}, {place}: the task was exported from another {what}. Name the ranking that it was exported from."
    S194 = (
        "{path}, {place}: the label issue {issue} has an answer already ({first}). Leave one answer in the file, or "
        "export each annotator's answers to a file of their own, and import them with their names."
    )
    S195 = (
        "{path}, {place}: the entity at characters {start} to {end} ({label}) does not begin and end where words do. "
        "Mark whole words in the tool, and export the answers again."
    )
    S196 = (
        "{path}, {place}: there is no entity type {label!r} (there are: {known}). Choose one of these in the tool, and "
        "export the answers again."
    )
    S197 = (
        "{path}, {place}: the entities {one!r} and {other!r} overlap. Remove one in the tool, and export the answers "
        "again."
    )
    S198 = (
        "{path}, {place}: {problem}. Undo these changes in the tool and export the answers again, or make the changes "
        "in the corpus itself."
    )
    S199 = "{path} {problem}. Name another file for what this command writes."
    # Corpora in their formats, and decisions that are applied to them
    S200 = "The format of {path} can't be told from its name. Name one with --format: {known}."
    S201 = "{path}, {place}: {problem}. Correct the file there."
    S202 = (
        "Nothing was written, because the decisions do not fit {path}:\n{problems}\nApply them to the corpus that they "
        "were made on, or decide again what no longer fits; --label allows a new entity type, and --conflicts skip "
        "leaves conflicts out."
    )
    S316 = (
        "None of the documents that the decisions are about ({count}, such as {id!r}) is in {path}. Name the corpus "
        "that they were made on."
    )
    S203 = (
        "{path} has more than one document with the id {id!r} (documents {numbers}), so decisions can't tell them "
        "apart. Give every document an id of its own."
    )
    S204 = "{path} {problem}. Nothing is overwritten: choose another {what}."
    S205 = "The output {output} is named like another format than that of {path}. End its name in {suffix}."
    S206 = "The setting {setting} is {value!r}. Choose one of: {known}."
    S207 = (
        "{path} does not store {what} (its attributes are {known}), so no decision on them can be applied to it. Store "
        "it with {needed} among the attrs of its DocBin."
    )
    S208 = "{path} can't be written ({problem}). Nothing was changed; free space, or choose another {what}."
    # Numerical routines
    S209 = (
        "{what} can't be computed: two routines of other algorithms have failed. The numbers may be far too large; "
        "look at the features of the encoder, or use a larger --l2."
    )

    # The review page
    S180 = (
        "The review page is served with flask and waitress, which are not installed. Install them with: pip install "
        "{package}, or write a page that needs no server: --html FILE"
    )
    S181 = (
        "There is no ranking at {path}, so there is nothing to review. Make one first: python -m spacy seginf rank "
        "{pipeline} CORPUS.spacy"
    )
    S182 = (
        "The decisions in {path} are about another corpus (line of issue '{issue}'; its digest begins with "
        "{found}, that of the ranking with {expected}). Name another file with --decisions, or rank that corpus."
    )
    S183 = (
        "Decisions can't be saved in {path} ({problem}), so nothing is shown. Name a file in a folder that you may "
        "write to: --decisions FILE"
    )
    S184 = (
        "Port {port} of this machine can't be used ({problem}). Choose another with --port, or leave it out for a free "
        "one."
    )
    S185 = "The decision on '{issue}' can't be taken: {problem}. Nothing was saved. Reload the page and decide again."
    S186 = "The page can't be written to {path} ({problem}). Name another file with --html."
    S300 = (
        "The index {path} has the tokens of none of the {count} issues, so decisions can't change their order. Rank "
        "with the pipeline that is named, or name the one that the ranking was made with."
    )
    S301 = (
        "{path} is not what this page wrote there: somebody else has changed it. Move it away, or start the page with "
        "another {option}."
    )
    S302 = (
        "--corpus and --output belong together: the corpus that was reviewed, and the file for the corrected one. Give "
        "both, or neither."
    )
    S303 = (
        "Document {id} has other words in the two annotations: token {token} is {first!r} in the first and {second!r} "
        "in the second. Name two annotations of the same tokens."
    )
    S304 = (
        "{path} and {other} have no document in common, by their ids. Give both corpora the same ids, or name two "
        "versions of one corpus."
    )
    S305 = (
        "The decisions in {path} are all of one reviewer. Name the files of at least two; who decided is in each line "
        "(`seginf review --reviewer`)."
    )
    S306 = (
        "{path}, line {line}, is no note of a reviewer: {problem}. Move the file away, or name other decisions, beside "
        "which notes lie."
    )
    S307 = (
        "There are no notes in {path}. Write rules (key r) and comments (key c) on the page of `seginf review`, or "
        "name the decisions beside which notes lie."
    )
    S308 = (
        "{path} is a folder, and the page's button writes one file. Leave --corpus and --output out, and run `seginf "
        "apply` at the end."
    )
    # Memory
    S222 = (
        "{labels} tags and {parameters:,} parameters would take up to {need} of memory, and {free} are free. What "
        "needs less: {options}. Or use a machine with more memory."
    )
    S223 = (
        "There was not enough memory ({detail}). Use what needs less: --curvature kfac or identity, a smaller "
        "--shard-tokens, fewer entity types, or a smaller corpus; other programs may take memory too. Encoded shards "
        "are kept, so running again does not encode them again."
    )
    # Looking
    S220 = "The picture {path} can't be written. Give it a name that ends in one of: {endings}."
    # Text files: what a line is
    S240 = (
        "{path}, line {line}: {text!r} may be a comment or a word. Say which lines that begin with # are: "
        "--no-comments if they are words, --comments if they are comments."
    )
    S241 = (
        "{path}, line {line}: {text!r} seems to name the columns. Pass --header, so that this line is left out, or "
        "correct its tag."
    )
    S242 = (
        "{path}, line {line}: the tag {tag!r} names no type of entity, and neither does any other. Name the type that "
        "is meant with --entity-type."
    )
    S243 = (
        "{path}, line {line}: the first column ({first!r}) seems to number the words. Name the format (--format conllu "
        "or germeval) or the column of the words (--token-column 2, or 1 if these are the words)."
    )
    S244 = (
        "{path} is a table of comma-separated values, which is not read. Save it with tabs between the columns (.tsv), "
        "a line for each word and a blank line behind each sentence; --header leaves a first line with names out."
    )
    # The formats of annotation tools
    S280 = (
        "The format of {path} can't be told: {problem}. Name it with --format, or a key of the spans with --layer if "
        "it is one of these formats under other keys."
    )
    S281 = (
        "{path} has the id {id!r} twice: {one} and {other}. Give every document an id of its own, or take one of the "
        "two away."
    )
    S282 = (
        "Spans of {path} begin or end inside of tokens:\n{problems}\nCorrect them where they were annotated; or make "
        "tokens end where spans do (--misaligned split), make spans of whole tokens (--misaligned expand), or name the "
        "language of the texts (--lang)."
    )
    S283 = (
        "Spans of {path} overlap, which no tagger of one label a token can learn:\n{problems}\nTake one of each two "
        "away where they were annotated, or read one layer (--layer) or some types (--only) of several."
    )
    S284 = (
        "Spans of {path} are not in their texts, or have no characters:\n{problems}\nCorrect them where they were "
        "annotated; or, if an emoji counts as two characters in their tool, say so with --utf16."
    )
    S285 = "{what} is read with {library}, which is not installed. Install it with: pip install {package}"
    S286 = (
        "The tags of {path} are numbers, and nothing says what {number} stands for. Name what they stand for, from 0 "
        "on, with --label-names O,B-PER,I-PER,..., or a dataset_info.json that says it."
    )
    S287 = "{path} does not say what the numbers of {key!r} stand for. Name another file with --label-names."
    S288 = "The setting {setting} means nothing for {path}, which is in the format {format}. Leave it out."
    S289 = "The output {path} is not named .spacy, which is what is written. End its name in .spacy."
    S290 = (
        "{path} holds no document. Check that it was exported with its texts, and that its format (--format) is right."
    )
    S291 = (
        "{path} has no layer of spans {layer!r}, or several features that may be its types (it has: {known}). Name "
        "layer and feature with --layer, as in --layer NamedEntity:value."
    )
    S292 = "{path} belongs to a type system, and there is none beside it. Put its TypeSystem.xml into the same folder."
    # What the operating system refuses
    S245 = "{path} can't be used: {problem}. {advice}"
    S247 = (
        "{path} is a folder, and this needs one file. Name one of the files in it; folders of .spacy files are read "
        "where a corpus is only read (`seginf index`, `rank`, --dev)."
    )
    S248 = (
        "The pipeline {path} can't be loaded: {problem}. Check that all its files are there, and that the packages "
        "that it was trained with are installed; or train it anew."
    )
    S249 = (
        "The files of component '{name}' do not belong together: {problem}. Restore them (cfg and model), or train it "
        "anew."
    )
    S250 = (
        "{path}, line {line}: {text!r} seems to hold the tag as one of several values, as CoNLL-U's last column does. "
        "Read it with --format conllu-misc, or name the column of the tags (--tag-column)."
    )
    # Files
    S224 = "{path} is {kind}, not a file. Name a file; what comes through a pipe is written to a file first."
    S225 = (
        "{path} has {size:,} bytes and becomes more than {limit:,} when it is unpacked, as damaged or hostile files "
        "do. If it is meant to, set the environment variable {variable} to as many gigabytes as it may become."
    )
    S226 = (
        "The folder {path}, where the result is built, can't be locked ({problem}). Remove it, or choose another "
        "output folder."
    )
    S227 = (
        "The new {target} is complete but can't be put in the place of the old one ({problem}). Both are kept: close "
        "the programs that have loaded {target}, remove it, and rename {kept} to it."
    )
