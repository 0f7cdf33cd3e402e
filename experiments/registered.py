"""Names for configs: experiments of the paper, and methods of other packages to compare with.

`seginf evaluate --code experiments/registered.py` makes them known, in the folder of the checkout.
"""

from __future__ import annotations

from spacy import registry

from .methods.rivals.ekfac import KronfluenceEKFAC
from .methods.rivals.tracin import CaptumTracInCPFast
from .paper.artifact.artifact import Artifact
from .paper.dosage.dosage import Dosage
from .paper.noise.planted_noise import PlantedNoise
from .paper.noise.real_noise import RealNoise
from .paper.validity.validity import Validity

registry.misc("spacy_seginf.Artifact.v1", func=Artifact)
registry.misc("spacy_seginf.CaptumTracInCPFast.v1", func=CaptumTracInCPFast)
registry.misc("spacy_seginf.Dosage.v1", func=Dosage)
registry.misc("spacy_seginf.KronfluenceEKFAC.v1", func=KronfluenceEKFAC)
registry.misc("spacy_seginf.PlantedNoise.v1", func=PlantedNoise)
registry.misc("spacy_seginf.RealNoise.v1", func=RealNoise)
registry.misc("spacy_seginf.Validity.v1", func=Validity)
