"""What may go wrong with an index. Every error says what to do; `code` is stable."""

from __future__ import annotations


class IndexFault(Exception):
    """The base of the errors here. `code` is stable kebab-case, `words` for people."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class IndexRefused(IndexFault):
    """A client does not accept what it got.

    Codes: `index-rollback` (older than what was seen), `index-expired` (frozen), `index-signature` (not signed by
    those who may, or files of different states mixed), `index-origin` (another registry's index), `index-malformed`,
    `index-unreachable`, `index-timeout`, `index-missing` (nothing on this machine yet).
    """


class IndexNotReady(IndexFault):
    """The repository cannot be written. Codes: `index-not-set-up`, `index-key-missing`, `index-key-unreadable`,
    `index-expired`.
    """


class IndexConflict(IndexFault):
    """A change would break a promise of the index. Codes: `index-digest-changed`, `index-version-lost`,
    `index-metadata-refused` (a root or targets file that does not follow the present one), `index-raced`.
    """
