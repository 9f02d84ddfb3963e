"""Foreign text and binary formats, pure: parse(text) -> value, value.render() -> text. Imports no room."""
