"""How a span is like others without any model: by its words, its sentence, its surroundings and its document."""
