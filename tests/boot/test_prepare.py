"""x"""

from tests.boot.conftest import Prepared


def test_x(prepared: Prepared) -> None:
    print(prepared)
    assert 0
