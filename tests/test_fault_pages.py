"""The pages in docs/faults say what `homelab explain` says; `python -m docs.fault_pages` writes them."""

from docs.fault_pages import FOLDER, pages


def test_docs_faults_has_the_page_of_every_check_and_no_other() -> None:
    there = {each.name: each.read_text() for each in FOLDER.glob("*.md")}

    assert there == pages()
