"""The cases of the matrix, by name."""

from tests.live.matrix_case import Case
from tests.live.matrix_rows_docker import DOCKER
from tests.live.matrix_rows_firewalls import FIREWALLS
from tests.live.matrix_rows_kernel import KERNEL
from tests.live.matrix_rows_user import USER

CASES: dict[str, Case] = {**USER, **FIREWALLS, **KERNEL, **DOCKER}
