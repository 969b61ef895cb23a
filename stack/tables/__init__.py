"""Any table's rows: the catalogue, pages by key, filters and sorting. Everything here reads, and only reads."""
