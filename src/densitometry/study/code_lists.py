"""The coded lists as data: diagnoses, agents, routes, immersion, sex, modalities, areas of the scalp.

Which alopecias scar follows the usual division into scarring (cicatricial) and non-scarring alopecia.
The `too_early` windows are conventions of this program: no measured figures stand behind them.
"""

from __future__ import annotations

from densitometry.study.codes import Agent, Code, CodeList, Diagnosis, Route, Window

NOT_RECORDED = "diagnosis not recorded"

DIAGNOSES = CodeList(
    "diagnosis",
    (
        Diagnosis(
            "androgenetic_alopecia",
            "androgenetic alopecia",
            "androgenetische Alopezie",
            (
                *("AGA", "FAGA", "MAGA", "FPHL", "MPHL", "pattern hair loss", "male pattern hair loss"),
                *("female pattern hair loss", "androgenic alopecia", "male pattern baldness"),
                *("Alopecia androgenetica", "androgenetischer Haarausfall", "erblich bedingter Haarausfall"),
                *("anlagebedingter Haarausfall", "erblicher Haarausfall"),
            ),
        ),
        Diagnosis(
            "telogen_effluvium",
            "telogen effluvium",
            "telogenes Effluvium",
            (
                *("TE", "CTE", "ATE", "chronic telogen effluvium", "acute telogen effluvium"),
                *("chronisches telogenes Effluvium", "akutes telogenes Effluvium", "Effluvium telogenes"),
            ),
        ),
        Diagnosis(
            "anagen_effluvium",
            "anagen effluvium",
            "anagenes Effluvium",
            (
                *("anagen-dystrophic effluvium", "chemotherapy-induced alopecia", "CIA"),
                "Chemotherapie-induzierte Alopezie",
            ),
        ),
        Diagnosis(
            "alopecia_areata",
            "alopecia areata",
            "kreisrunder Haarausfall",
            (
                *("AA", "alopecia totalis", "alopecia universalis", "ophiasis", "Pelade"),
                *("alopecia areata incognita", "Alopezia areata"),
            ),
        ),
        Diagnosis(
            "lichen_planopilaris",
            "lichen planopilaris",
            "Lichen planopilaris",
            ("LPP", "follicular lichen planus", "Lichen ruber planopilaris", "Lichen ruber follicularis"),
            scarring=True,
        ),
        Diagnosis(
            "frontal_fibrosing_alopecia",
            "frontal fibrosing alopecia",
            "frontale fibrosierende Alopezie",
            ("FFA", "Kossard", "postmenopausale frontale fibrosierende Alopezie"),
            scarring=True,
        ),
        Diagnosis(
            "fibrosing_alopecia_pattern",
            "fibrosing alopecia in a pattern distribution",
            "fibrosierende Alopezie mit Muster",
            ("FAPD",),
            scarring=True,
        ),
        Diagnosis(
            "ccca",
            "central centrifugal cicatricial alopecia",
            "zentrale zentrifugale vernarbende Alopezie",
            ("zentrale zentrifugale zikatrizielle Alopezie", "central centrifugal scarring alopecia"),
            scarring=True,
        ),
        Diagnosis(
            "discoid_lupus",
            "discoid lupus erythematosus",
            "diskoider Lupus erythematodes",
            (
                *("DLE", "CDLE", "discoid lupus", "chronic cutaneous lupus", "diskoider Lupus"),
                "chronisch diskoider Lupus erythematodes",
            ),
            scarring=True,
        ),
        Diagnosis(
            "pseudopelade",
            "pseudopelade of Brocq",
            "Pseudopelade Brocq",
            ("pseudopelade", "PPB"),
            scarring=True,
        ),
        Diagnosis(
            "folliculitis_decalvans",
            "folliculitis decalvans",
            "Folliculitis decalvans",
            ("FD", "tufted folliculitis"),
            scarring=True,
        ),
        Diagnosis(
            "dissecting_cellulitis",
            "dissecting cellulitis of the scalp",
            "dissezierende Zellulitis der Kopfhaut",
            ("DCS", "perifolliculitis capitis abscedens et suffodiens", "dissecting folliculitis"),
            scarring=True,
        ),
        Diagnosis(
            "acne_keloidalis",
            "acne keloidalis nuchae",
            "Acne keloidalis nuchae",
            ("AKN", "folliculitis keloidalis", "Akne keloidalis"),
            scarring=True,
        ),
        Diagnosis(
            "traction_alopecia",
            "traction alopecia, early",
            "Traktionsalopezie",
            ("traction alopecia", "TA", "Zugalopezie"),
        ),
        Diagnosis(
            "traction_alopecia_scarring",
            "traction alopecia, late and scarring",
            "vernarbende Traktionsalopezie",
            ("scarring traction alopecia",),
            scarring=True,
        ),
        Diagnosis("trichotillomania", "trichotillomania", "Trichotillomanie", ("hair pulling disorder",)),
        Diagnosis("tinea_capitis", "tinea capitis", "Tinea capitis", ("scalp ringworm", "Kopfpilz")),
        Diagnosis("loose_anagen", "loose anagen hair syndrome", "Syndrom der losen Anagenhaare", ("LAHS",)),
        Diagnosis(
            "secondary_scarring",
            "secondary scarring alopecia (burn, wound, radiation, tumour)",
            "sekundäre vernarbende Alopezie",
            ("secondary scarring alopecia", "secondary cicatricial alopecia"),
            scarring=True,
        ),
        Diagnosis(
            "scarring_alopecia",
            "scarring alopecia, not specified",
            "vernarbende Alopezie",
            ("scarring alopecia", "cicatricial alopecia", "zikatrizielle Alopezie"),
            scarring=True,
        ),
        Diagnosis(
            "nonscarring_alopecia",
            "non-scarring alopecia, not specified",
            "nicht vernarbende Alopezie",
            ("non-scarring alopecia", "nonscarring alopecia", "non-cicatricial alopecia"),
        ),
        Diagnosis(
            "healthy",
            "no hair disease",
            "keine Haarerkrankung",
            ("healthy volunteer", "healthy control", "none", "gesund", "Kontrolle", "keine", "HV"),
        ),
    ),
)

ROUTES = CodeList(
    "route",
    (
        Route("topical", "on the skin", "auf die Haut", ("lokal", "äußerlich", "cream", "foam", "solution")),
        Route("oral", "by mouth", "durch den Mund", ("po", "p.o.", "peroral", "tablet", "Tablette"), True),
        Route("intradermal", "into the skin", "in die Haut", ("id", "i.d.", "intrakutan", "mesotherapy")),
        Route("intramuscular_scalp", "into a muscle of the scalp", "in einen Kopfhautmuskel"),
        Route("intralesional", "into the lesion", "in die Läsion", ("il", "i.l.", "intraläsional")),
        Route("subcutaneous_scalp", "under the skin of the scalp", "unter die Kopfhaut"),
        Route("intramuscular", "into a muscle", "intramuskulär", ("im", "i.m."), True),
        Route("subcutaneous", "under the skin", "subkutan", ("sc", "s.c."), True),
        Route("intravenous", "into a vein", "intravenös", ("iv", "i.v.", "infusion"), True),
        Route("device", "by a device", "durch ein Gerät", ("light", "laser", "Licht", "needling")),
        Route("surgical", "by surgery", "operativ", ("surgery", "Operation", "FUE", "FUT")),
    ),
)

_LOCAL_INJECTIONS = ("intradermal", "intralesional", "subcutaneous_scalp", "intramuscular_scalp")
_BY_MOUTH_OR_SKIN = ("oral", "topical")
_MINOXIDIL_SHEDDING = Window(
    2, 8, "hairs may fall before they grow", "convention: commonly told course of early shedding"
)

AGENTS = CodeList(
    "agent",
    (
        Agent(
            "botulinum_toxin_a",
            "botulinum toxin A",
            "Botulinumtoxin A",
            ("botulinum toxin", "BoNT-A", "BTX-A", "BTX", "Botox", "Botulinumtoxin", "onabotulinumtoxinA"),
            routes=("intramuscular_scalp", "intradermal", "subcutaneous_scalp", "intramuscular"),
            in_sessions=True,
            systemic=False,
        ),
        Agent(
            "platelet_rich_plasma",
            "platelet-rich plasma",
            "plättchenreiches Plasma",
            ("PRP", "thrombozytenreiches Plasma", "Eigenplasma", "Eigenblutplasma"),
            routes=_LOCAL_INJECTIONS,
            in_sessions=True,
            systemic=False,
        ),
        Agent(
            "minoxidil_topical",
            "minoxidil, topical",
            "Minoxidil, äußerlich",
            ("minoxidil", "topical minoxidil", "minoxidil foam", "Regaine", "Rogaine"),
            routes=("topical",),
            systemic=False,
            too_early=_MINOXIDIL_SHEDDING,
        ),
        Agent(
            "minoxidil_oral",
            "minoxidil, oral",
            "Minoxidil, oral",
            ("minoxidil", "oral minoxidil", "low-dose oral minoxidil", "LDOM"),
            routes=("oral",),
            systemic=True,
            too_early=_MINOXIDIL_SHEDDING,
        ),
        Agent("finasteride", "finasteride", "Finasterid", ("Propecia",), routes=_BY_MOUTH_OR_SKIN),
        Agent(
            "dutasteride",
            "dutasteride",
            "Dutasterid",
            ("Avodart",),
            routes=("oral", "topical", "intradermal"),
        ),
        Agent("spironolactone", "spironolactone", "Spironolacton", (), routes=_BY_MOUTH_OR_SKIN),
        Agent("bimatoprost", "bimatoprost", "Bimatoprost", (), routes=("topical",), systemic=False),
        Agent(
            "jak_inhibitor",
            "JAK inhibitor",
            "JAK-Hemmer",
            (
                *("JAKi", "JAK-Inhibitor", "baricitinib", "ritlecitinib", "tofacitinib", "ruxolitinib"),
                *("deuruxolitinib", "upadacitinib"),
            ),
            routes=_BY_MOUTH_OR_SKIN,
        ),
        Agent(
            "hydroxychloroquine",
            "hydroxychloroquine",
            "Hydroxychloroquin",
            ("HCQ", "Quensyl", "Plaquenil"),
            routes=("oral",),
            systemic=True,
        ),
        Agent(
            "corticosteroid_intralesional",
            "corticosteroid, intralesional",
            "Kortikosteroid, intraläsional",
            ("corticosteroid", "Kortikosteroid", "Cortison", "triamcinolone", "ILTA", "ILCS"),
            routes=("intralesional", "intradermal"),
            in_sessions=True,
            systemic=False,
        ),
        Agent(
            "corticosteroid_topical",
            "corticosteroid, topical",
            "Kortikosteroid, äußerlich",
            ("corticosteroid", "Kortikosteroid", "Cortison", "clobetasol", "mometasone", "TCS"),
            routes=("topical",),
            systemic=False,
        ),
        Agent(
            "corticosteroid_systemic",
            "corticosteroid, systemic",
            "Kortikosteroid, systemisch",
            ("corticosteroid", "Kortikosteroid", "Cortison", "prednisolone", "prednisone", "triamcinolone"),
            routes=("oral", "intravenous", "intramuscular"),
            systemic=True,
        ),
        Agent(
            "other_systemic",
            "other systemic treatment",
            "andere systemische Behandlung",
            (
                *("methotrexate", "MTX", "ciclosporin", "mycophenolate", "doxycycline", "isotretinoin"),
                *("pioglitazone", "cyproterone acetate", "bicalutamide"),
            ),
            routes=("oral", "subcutaneous", "intravenous", "intramuscular"),
            systemic=True,
        ),
        Agent(
            "supplements",
            "vitamins and supplements",
            "Vitamine und Nahrungsergänzung",
            ("vitamins", "vitamins/supplements", "biotin", "iron", "vitamin D", "Vitamine", "Eisen"),
            routes=("oral", "intravenous", "intramuscular"),
            systemic=True,
        ),
        Agent(
            "low_level_light",
            "low-level light",
            "Niedrigenergie-Licht",
            ("LLLT", "LLL", "low-level laser", "low-level light therapy", "photobiomodulation", "PBM"),
            routes=("device",),
            systemic=False,
        ),
        Agent(
            "microneedling",
            "microneedling",
            "Microneedling",
            ("needling", "dermaroller", "Mikroneedling"),
            routes=("device",),
            in_sessions=True,
            systemic=False,
        ),
        Agent(
            "hair_transplant",
            "hair transplant",
            "Haartransplantation",
            ("FUE", "FUT", "hair transplantation", "Haarverpflanzung", "HT"),
            routes=("surgical",),
            in_sessions=True,
            systemic=False,
            too_early=Window(
                0, 26, "grafts fall before they grow", "convention: commonly told course after transplants"
            ),
        ),
        Agent("placebo", "placebo", "Placebo", ("vehicle", "sham", "Plazebo", "Vehikel"), systemic=False),
        Agent("blinded", "blinded treatment", "verblindete Behandlung", ("study drug", "Studienmedikation")),
    ),
)

OTHER_AGENT = Agent("other", "other treatment", "andere Behandlung")
"""An agent written as `other: text`; the text is kept with the treatment."""

IMMERSIONS = CodeList(
    "immersion",
    (
        Code("dry", "dry", "trocken", ("none", "keine", "air")),
        Code("alcohol", "alcohol", "Alkohol", ("ethanol", "isopropanol", "disinfectant")),
        Code("gel", "ultrasound gel", "Ultraschallgel", ("gel",)),
        Code("oil", "oil", "Öl", ("paraffin oil", "Immersionsöl")),
        Code("water", "water", "Wasser"),
    ),
)

SEXES = CodeList(
    "sex",
    (
        Code("f", "female", "weiblich", ("w", "woman", "Frau")),
        Code("m", "male", "männlich", ("man", "Mann")),
        Code("x", "other", "divers", ("d", "o", "intersex")),
    ),
)

MODALITIES = CodeList(
    "modality",
    (
        Code("trich", "trichoscopy", "Trichoskopie", ("dermoscopy", "trichoscope", "Dermatoskopie")),
        Code("macro", "close-up photograph", "Nahaufnahme", ("macro photograph", "Makro")),
        Code("global", "whole-head photograph", "Übersichtsaufnahme", ("global photograph", "overview")),
    ),
)

OCCIPUT = "occiput"
AREAS = (
    "vertex",
    "frontal",
    "midscalp",
    "temporal",
    "parietal",
    OCCIPUT,
    "hairline",
    "crown",
    "eyebrow",
    "beard",
)
"""Words a site usually begins with; side and spot number may follow: `frontalleft2`."""

YES_NO = CodeList(
    "yes or no",
    (
        Code("y", "yes", "ja", ("j", "true", "1", "x")),
        Code("n", "no", "nein", ("false", "0")),
    ),
)
