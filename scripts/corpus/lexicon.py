"""The word lists of the corpus: real cities and generic drugs, invented names."""

from __future__ import annotations

import random

from .grammar import Lexicon


def _words(text: str) -> list[str]:
    return text.split()


CITIES = _words(
    """
Leeds Hull York Derby Leicester Bristol Cardiff Swansea Glasgow Dundee Aberdeen Belfast Dublin
Cork Galway Limerick Paris Lyon Lille Nantes Rennes Toulouse Bordeaux Reims Metz Dijon Brest Nice
Marseille Grenoble Rome Milan Turin Naples Genoa Bologna Verona Parma Palermo Bari Venice Trieste
Madrid Valencia Seville Bilbao Zaragoza Malaga Cadiz Granada Oviedo Lisbon Porto Braga Coimbra
Berlin Hamburg Munich Cologne Bremen Leipzig Dresden Hanover Dortmund Augsburg Mainz Kiel Vienna
Graz Linz Salzburg Zurich Basel Geneva Bern Lausanne Amsterdam Rotterdam Utrecht Eindhoven Brussels
Antwerp Ghent Bruges Copenhagen Aarhus Odense Oslo Bergen Trondheim Stockholm Malmo Uppsala Helsinki
Tampere Turku Tallinn Riga Vilnius Kaunas Warsaw Krakow Gdansk Poznan Wroclaw Prague Brno Ostrava
Bratislava Budapest Debrecen Szeged Zagreb Split Rijeka Ljubljana Maribor Belgrade Skopje Sofia
Plovdiv Varna Bucharest Cluj Timisoara Athens Patras Thessaloniki Istanbul Ankara Izmir Adana Kyiv
Lviv Odesa Minsk Tbilisi Yerevan Baku Cairo Tunis Algiers Oran Rabat Casablanca Tangier Dakar Accra
Lagos Ibadan Nairobi Mombasa Kampala Lusaka Harare Durban Pretoria Luanda Maputo Tehran Baghdad
Amman Muscat Doha Karachi Lahore Delhi Mumbai Chennai Kolkata Pune Dhaka Colombo Hanoi Bangkok
Manila Jakarta Surabaya Perth Sydney Brisbane Adelaide Auckland Wellington Osaka Kobe Nagoya Sapporo
Seoul Busan Taipei Santiago Lima Quito Bogota Cali Caracas Montevideo Rosario Cordoba Mendoza
Santos Recife Salvador Fortaleza Havana Toronto Ottawa Quebec Calgary Halifax Boston Denver Seattle
Portland Houston Dallas Memphis Chicago Detroit Cleveland Atlanta Tampa Austin Phoenix Carlisle
Preston Bolton Burnley Blackpool Reading Watford Luton Ipswich Norwich Plymouth Exeter Swindon
Barnsley Rotherham Doncaster Grimsby Lincoln Chester Wigan Stockport Oldham Rochdale Bury
"""
)

COUNTRIES = _words(
    """
France Spain Portugal Italy Germany Austria Poland Hungary Croatia Serbia Greece Turkey Ukraine
Norway Sweden Denmark Finland Estonia Latvia Iceland Ireland Scotland Wales Canada Mexico Brazil
Chile Peru Colombia Egypt Tunisia Morocco Ghana Nigeria Kenya Uganda Zambia Angola India Nepal
Thailand Vietnam Japan Australia Jordan Georgia Chad Cuba
"""
)

NATIONALITIES = _words(
    """
French Spanish Portuguese Italian German Austrian Polish Hungarian Croatian Serbian Greek Turkish
Ukrainian Norwegian Swedish Danish Finnish Estonian Latvian Icelandic Irish Scottish Welsh Canadian
Mexican Brazilian Chilean Peruvian Colombian Egyptian Tunisian Moroccan Ghanaian Nigerian Kenyan
Ugandan Zambian Angolan Indian Nepali Thai Vietnamese Japanese Australian Jordanian Georgian Cuban
Catalan Basque Flemish Breton European African Asian Andean Baltic Nordic
"""
)

FIRST_NAMES = _words(
    """
Anna Marek Lena Tomas Ingrid Pavel Sofia Hugo Clara Nils Petra Oscar Amina Yusuf Leila Omar Nadia
Kofi Ama Kwame Chidi Ngozi Tariq Farah Imran Sunita Arjun Priya Rohan Mei Hiroshi Yuki Kenji Minh
Linh Somchai Carla Diego Lucia Mateo Elena Bruno Paula Rafael Marta Andre Celine Luc Odile Bastien
Greta Jonas Heidi Klaus Sven Astrid Erik Liv Aino Eero Katya Ivan Olga Dmitri Ewa Jakub Zofia Istvan
Agnes Niamh Declan Fiona Callum Morag Gwen Rhys Alice Edward Helen George Ruth Peter Joan Martin
April May June August Rose Grace Mark Bill Hope Will Frank Dale Pearl Victor Milan Paris Florence
Austin Georgia Jordan Chad Sydney
"""
)

SURNAME_PARTS = (
    _words(
        "Har Bel Cor Dun Els Fen Gar Hol Ked Lan Mar Nor Or Pel Ros Sel Tar Ul Ver Wes Zan Bran Crow "
        "Thorn Quil Stra Vol Kar Dro Mil Ash Bir"
    ),
    _words(
        "low mont vik sen ton ova escu ado wick ley berg man ini etti ard oux ski aga well by den ross "
        "ham ric land tano ne stad"
    ),
)
SURNAMES_PLAIN = _words(
    """
Rose May Hope Banks Fields Brook Stone Wood Reed Marsh Frost Winter Summers Bishop King Price Sharp
Young Long Small Rich Cook Baker Carver Mason Porter Page Day Knight Lisbon Verona London Derby
Preston Lincoln Chester Reading Bolton Halifax Houston Denver Austin
"""
)

COMPANY_PARTS = (
    _words("Vel Cal Nor Tri Omni Hex Sol Lumi Axi Gran Pro Kin Mer Alt Zen Dyn Cor Bel Quan Fer"),
    _words("aro dex ica tek via lon gen max corp ora san tis rix pex mera quin stell vance"),
)
COMPANY_ENDINGS = """
Group|Holdings|Foods|Motors|Energy|Steel|Bank|Airlines|Systems|Partners|Textiles|Mining|Media
Insurance|Brothers|& Sons|Shipping|Pharma|Telecom|Retail|Inc|Ltd|plc
""".replace("\n", "|")
AGENCY_WORDS = "Water Forestry Transport Pensions Fisheries Housing Harbour Energy Tourism Grain"
AGENCY_ENDINGS = "Authority|Commission|Council|Board|Agency|Institute|Union|Federation|Trust"
TOWN_PARTS = (
    _words("Elm Oak Sal Win Kings Stan Mill North Red Black Ald Cran Lod Ever Hazel Brad Thorn Ash"),
    _words("ford wick bury ham mere bridge field gate haven combe stead cliff dale worth moor"),
)
FEATURES = "River {}|Lake {}|Mount {}|{} Valley|{} Bay|Cape {}|{} Island|{} Forest"
EVENT_ENDINGS = "Cup|Open|Marathon|Festival|Biennale|Trophy|Accord|Summit|Prize|Derby|Regatta|Games"
WORK_WORDS = (
    _words("Silent Broken Last Golden Distant Winter Hidden Paper Glass Iron Crooked Quiet"),
    _words("River Garden Orchard Harbour Letters Mirror Road Summer Kingdom Clock Lantern Bridge"),
)
CLUB_ENDINGS = "United City Rovers Athletic Wanderers Town Albion Rangers Celtic Dynamo Sporting"

DRUGS = _words(
    """
aspirin warfarin heparin clopidogrel metformin insulin glipizide sitagliptin atorvastatin simvastatin
rosuvastatin pravastatin lisinopril enalapril ramipril losartan valsartan amlodipine nifedipine
atenolol metoprolol bisoprolol carvedilol furosemide spironolactone digoxin amiodarone prednisone
prednisolone dexamethasone budesonide salmeterol tiotropium montelukast omeprazole pantoprazole
ranitidine ondansetron metoclopramide ibuprofen naproxen celecoxib paracetamol morphine fentanyl
oxycodone tramadol gabapentin pregabalin amitriptyline sertraline fluoxetine citalopram venlafaxine
mirtazapine lithium quetiapine olanzapine risperidone haloperidol diazepam lorazepam midazolam
propofol ketamine amoxicillin ampicillin penicillin ceftriaxone cefazolin vancomycin gentamicin
azithromycin doxycycline ciprofloxacin metronidazole fluconazole acyclovir oseltamivir zidovudine
tenofovir lamivudine efavirenz methotrexate azathioprine cyclosporine tacrolimus rituximab infliximab
adalimumab etanercept tamoxifen letrozole paclitaxel docetaxel cisplatin carboplatin gemcitabine
erlotinib imatinib sorafenib levothyroxine estradiol progesterone testosterone alendronate melatonin
caffeine nicotine magnesium zinc iron folate misoprostol oxytocin carbetocin levodopa donepezil
"""
)
INVENTED_DRUGS = (
    _words("velo tamo riva ora pexi cula doni fera galu heli juno kora luma nexi oblo"),
    _words("tinib mab statin pril sartan gliptin zole xaban cillin vir"),
)
PROCEDURES = """
acupuncture|laparoscopic surgery|cognitive behavioural therapy|yoga|supervised exercise|hip replacement
epidural analgesia|nerve block|music therapy|massage|tai chi|telephone coaching|gastric bypass
radiotherapy|whole brain radiotherapy|hypnosis|pelvic floor training|vitamin D|fish oil|zinc lozenges
nasal oxygen|compression stockings|early mobilisation|a low salt diet|honey dressing|light therapy
motivational interviewing|text message reminders|cataract surgery|stent placement|cord clamping
breathing exercises|peer counselling|iron tablets|nurse visits|robotic rehabilitation|kangaroo care
home monitoring|school lessons|a Mediterranean diet|probiotic yoghurt|skin grafting|saline rinse
""".replace("\n", "|")
CONDITIONS = """
asthma|type 2 diabetes|hypertension|heart failure|atrial fibrillation|chronic kidney disease|stroke
migraine|epilepsy|major depression|schizophrenia|bipolar disorder|insomnia|chronic low back pain
knee osteoarthritis|rheumatoid arthritis|psoriasis|eczema|Crohn disease|ulcerative colitis|cirrhosis
hepatitis C|HIV infection|tuberculosis|malaria|pneumonia|sepsis|breast cancer|lung cancer
prostate cancer|colorectal cancer|ovarian cancer|lymphoma|anaemia|preeclampsia|obesity|glaucoma
macular degeneration|dementia|Parkinson disease|multiple sclerosis|fibromyalgia|neuropathic pain
cystic fibrosis|sleep apnoea|gout|osteoporosis|otitis media|acute bronchiolitis|venous leg ulcers
""".replace("\n", "|")
MEASURES = """
pain|fatigue|anxiety|quality of life|blood pressure|systolic blood pressure|HbA1c|body weight
LDL cholesterol|walking distance|grip strength|forced expiratory volume|sleep quality|nausea
bone mineral density|visual acuity|wound healing|cognitive function|serum creatinine|viral load
heart rate|bleeding|birth weight|stool frequency|joint stiffness|disability|tumour size|appetite
depressive symptoms|serum insulin|plasma cortisol|haemoglobin|oxygen saturation|muscle mass
""".replace("\n", "|")
EVENTS = """
mortality|all-cause mortality|hospital admission|readmission|stroke|myocardial infarction|relapse
wound infection|major bleeding|need for surgery|treatment failure|preterm birth|falls|fractures
progression-free survival|overall survival|adverse events|length of stay|seizures|recurrence|remission
""".replace("\n", "|")

DOSES = """
5 10 15 20 25 30 40 50 60 75 80 100 120 150 200 250 300 400 500 600 750 800 1000 1.5 2.5 0.5 7.5 12.5
"""
ARM_DOSES = """
2 4 6 8 12 18 35 45 65 70 90 110 125 140 160 175 180 220 240 275 325 350 375 450 525 650 700 850 900
950 1200 1500 3.5 4.5
"""


def _phrases(text: str) -> list[str]:
    return [phrase for phrase in text.split("|") if phrase]


def _compose(parts: tuple[list[str], list[str]], joint: str = "") -> list[str]:
    return [first + joint + last for first in parts[0] for last in parts[1]]


def build_lexicons(generator: random.Random) -> dict[str, Lexicon]:
    """Divide every word list between the training split and the others."""

    def divide(words: list[str], share: float = 0.4) -> Lexicon:
        return Lexicon.divide(words, share, generator)

    def sample(words: list[str], count: int) -> list[str]:
        return generator.sample(words, count)

    surnames = sample(_compose(SURNAME_PARTS), 420)
    stems = sample(_compose(COMPANY_PARTS), 200)
    towns = sample(_compose(TOWN_PARTS), 110)
    works = _compose(WORK_WORDS, " ")
    companies = sample(surnames, 60) + stems
    cities = Lexicon.divide(CITIES, 0.35, generator)
    # Clubs of the planted context: the training split uses a few of its cities there; the
    # other splits use mostly the rest and the held-out cities.
    few = 24
    bulletin = Lexicon(cities.common[:few], (*cities.common[few:], *cities.held_out), 0.9)
    arm_doses = divide(ARM_DOSES.split(), 0.6)
    strengths = sample(_compose((ARM_DOSES.split(), ["mg", "mcg"])), 60)
    drugs = divide(DRUGS + _compose(INVENTED_DRUGS)[::3], 0.4)
    return {
        "city": cities,
        "bulletin_city": bulletin,
        "town": divide(towns),
        "country": divide(COUNTRIES, 0.3),
        "nationality": divide(NATIONALITIES, 0.3),
        "first": divide(FIRST_NAMES, 0.35),
        "last": divide(surnames + SURNAMES_PLAIN, 0.45),
        "company": divide(companies, 0.45),
        "company_ending": divide(_phrases(COMPANY_ENDINGS), 0.15),
        "agency_word": divide(AGENCY_WORDS.split(), 0.2),
        "agency_ending": divide(_phrases(AGENCY_ENDINGS), 0.15),
        "club_ending": divide(CLUB_ENDINGS.split(), 0.2),
        "event_ending": divide(_phrases(EVENT_ENDINGS), 0.2),
        "work": divide(works),
        "product": divide(sample(_compose(COMPANY_PARTS), 80)),
        "feature": divide([f.format(t) for f in _phrases(FEATURES) for t in sample(towns, 6)]),
        "drug": drugs,
        "arm_drug": Lexicon(drugs.common[:16], (*drugs.common[16:], *drugs.held_out), 0.9),
        "procedure": divide(_phrases(PROCEDURES), 0.35),
        "condition": divide(_phrases(CONDITIONS), 0.35),
        "measure": divide(_phrases(MEASURES), 0.35),
        "event": divide(_phrases(EVENTS), 0.35),
        "dose_amount": divide(DOSES.split(), 0.0),
        "dose_strength": divide(_compose((DOSES.split(), ["mg", "mcg", "g"]))),
        "arm_strength": Lexicon(strengths[:16], strengths[16:], 0.9),
        "arm_amount": Lexicon(arm_doses.common, arm_doses.held_out, 0.9),
    }
