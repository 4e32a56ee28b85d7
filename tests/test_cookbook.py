"""The cookbook: every command runs as printed, and its response equals the printed one."""

import re

import pytest

from tests.support.cookbook import BLOCK, COOKBOOK, blocks, mask, play
from tests.support.start import ADMIN, Start, copy_of_the_shop

TEXT = COOKBOOK.read_text("utf-8")
TASKS = re.findall(r"^## (\d+)\. ([^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)


def test_cookbook_has_twenty_tasks_with_commands_and_responses():
    assert [int(number) for number, _, _ in TASKS] == list(range(1, 21))
    assert len({title for _, title, _ in TASKS}) == 20
    for number, _, body in TASKS:
        assert any(block["response"] for block in BLOCK.finditer(body)), number
        assert len(re.findall("^```", body, re.MULTILINE)) == 2 * sum(
            1 + (b["response"] is not None) for b in BLOCK.finditer(body)
        )


@pytest.mark.slow
def test_every_command_gives_the_printed_response(tmp_path):
    """Responses are equal except for times, tokens and ETags. Rate limits have their defaults."""
    start = BLOCK.search(TEXT)["command"]
    assert start == "ADMIN_EMAIL={ADMIN_EMAIL} ADMIN_PASSWORD='{ADMIN_PASSWORD}' make run\n".format(**ADMIN)
    with Start(copy_of_the_shop(tmp_path), **ADMIN) as shop:
        result, responses = play(TEXT, shop)
    assert (result.returncode, result.stderr) == (0, "")
    printed = [block["response"] or "" for block in blocks(TEXT)]
    assert [mask(response) for response in responses] == [mask(response) for response in printed]


def test_masking_hides_only_varying_values():
    """Control: another number, name or status is a difference."""
    one = '"quantity": 16, "created_at": "2026-11-24T08:00:00Z", etag: "0123456789abcdef01234567", eyJhbGciOiJI.abc.d-e_f'
    same = '"quantity": 16, "created_at": "2027-01-02T09:10:11Z", etag: "76543210fedcba9876543210", eyJhbGciOiJI.…'
    assert mask(one) == mask(same)
    assert mask(one.replace("16", "17")) != mask(one)
    assert mask(one.replace("created", "updated")) != mask(one)
