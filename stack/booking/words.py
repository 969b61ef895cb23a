"""The words that the sample data is made of."""

from typing import Final

FIRST_NAMES: Final = (
    "Aaliyah", "Adam", "Agnieszka", "Ahmed", "Aiko", "Alejandra", "Amara", "Ana", "Anders", "Anjali", "Antoine",
    "Arjun", "Astrid", "Ayşe", "Beatriz", "Ben", "Bogdan", "Camille", "Carlos", "Chiara", "Chinedu", "Clara",
    "Daniel", "Dariusz", "Dina", "Elena", "Emeka", "Emma", "Erik", "Fatima", "Felix", "Finn", "Freya", "Gabriel",
    "Giulia", "Grace", "Hana", "Hassan", "Henrik", "Ines", "Ingrid", "Isabel", "Ivan", "Jakub", "James", "Jasmine",
    "João", "Jonas", "Julia", "Kaito", "Karim", "Katarzyna", "Kofi", "Lars", "Leila", "Lena", "Li", "Linnéa",
    "Lucas", "Luísa", "Magnus", "Maja", "Marco", "María", "Mateo", "Mei", "Mia", "Miguel", "Mina", "Mohamed",
    "Nadia", "Ngozi", "Niamh", "Nikolai", "Noah", "Nora", "Olga", "Oliver", "Omar", "Oscar", "Pablo", "Pedro",
    "Priya", "Rafael", "Rania", "Ravi", "Renata", "Rosa", "Ruth", "Samira", "Santiago", "Sara", "Seán", "Sofia",
    "Stefan", "Tariq", "Thandiwe", "Tomás", "Valentina", "Viktor", "Wei", "William", "Yara", "Yusuf", "Zoë",
    "Zofia",
)  # fmt: skip

LAST_NAMES: Final = (
    "Abebe", "Adeyemi", "Ahmed", "Almeida", "Andersson", "Araújo", "Baker", "Barbosa", "Bauer", "Bennett", "Berg",
    "Bianchi", "Bose", "Braun", "Campbell", "Castillo", "Chen", "Cohen", "Costa", "Da Silva", "De Vries", "Díaz",
    "Dubois", "Eriksen", "Fernández", "Fischer", "Fontaine", "Fraser", "García", "Gonçalves", "Gupta", "Haddad",
    "Hansen", "Hassan", "Hernández", "Hoffmann", "Horváth", "Hughes", "Ivanova", "Jackson", "Jansen", "Jensen",
    "Johansson", "Kaya", "Keller", "Khan", "Kim", "Kowalski", "Kumar", "Lam", "Larsen", "Laurent", "Lefèvre",
    "Lima", "Lindqvist", "Lopes", "MacDonald", "Mahmoud", "Marino", "Martínez", "Mbeki", "Meyer", "Moreau",
    "Moretti", "Müller", "Murphy", "Nakamura", "Nguyễn", "Nielsen", "Novák", "Nowak", "O'Brien", "O'Connor",
    "Okafor", "Oliveira", "Olsen", "Osei", "Papadopoulos", "Park", "Patel", "Pereira", "Petrov", "Popescu", "Quinn",
    "Ramírez", "Rao", "Ricci", "Rossi", "Saito", "Sánchez", "Santos", "Schmidt", "Schneider", "Sharma", "Singh",
    "Smith", "Sørensen", "Suzuki", "Tanaka", "Taylor", "Thompson", "Torres", "Van Dijk", "Vargas", "Virtanen",
    "Walker", "Wang", "Weber", "Wilson", "Yamamoto", "Yılmaz", "Young", "Zhang",
)  # fmt: skip

SITES: Final = (
    "Harbour Street", "Old Mill", "Station Square", "Riverside", "Market Hall", "Chapel Lane", "Botanic Garden",
    "Foundry Yard", "Lighthouse Quay", "University Place", "Castle Hill", "Canal House", "Orchard Road",
    "Tower Bridge", "Weavers' Row", "Sunset Terrace",
)  # fmt: skip

ROOMS: Final = (
    "Cedar Room", "Maple Room", "Birch Room", "Willow Room", "Garden Studio", "Loft", "Library", "Boardroom",
    "Atrium", "Workshop", "Map Room", "Music Room",
)  # fmt: skip

TABLES: Final = (
    "Window Table", "Corner Table", "Terrace Table", "Long Table", "Bar Table", "Fireside Table", "Garden Table",
    "Chef's Table",
)  # fmt: skip

PROFESSIONS: Final = (
    "stylist", "physiotherapist", "photographer", "tutor", "masseur", "barber", "advisor", "tailor",
)  # fmt: skip

NOTES: Final = (
    "Window seat, please", "Birthday, there will be a cake", "Allergic to nuts",
    "Needs a projector and a whiteboard", "Arriving a little late", "Wheelchair access needed", "Two vegetarians",
    "First visit", "Please call on arrival", "Same as last time", "With a pram", "Quiet corner if possible",
    "Invoice to the company", "Gluten-free, thank you", "Anniversary", "Bringing a dog",
    "Moved here from the phone list", "One guest may not come", "お誕生日です", "Café for everyone at ten",
    "Ask for the “blue” folder", "Müssen um 18 Uhr gehen", "Paid by voucher", "Interview, please do not disturb",
)  # fmt: skip
