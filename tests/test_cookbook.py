"""The cookbook is never false: each of its commands is run as it stands there, and its answer is compared."""

import re

import pytest

from tests.support.cookbook import BLOCK, COOKBOOK, blocks, play, steady
from tests.support.start import ADMIN, Start, copy_of_the_shop

TEXT = COOKBOOK.read_text("utf-8")
TASKS = re.findall(r"^## (\d+)\. ([^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)


def test_it_has_twenty_tasks_each_with_a_command_and_its_answer():
    assert [int(number) for number, _, _ in TASKS] == list(range(1, 21))
    assert len({title for _, title, _ in TASKS}) == 20
    for number, _, body in TASKS:
        assert any(block["answer"] for block in BLOCK.finditer(body)), number
        assert len(re.findall("^```", body, re.MULTILINE)) == 2 * sum(
            1 + (b["answer"] is not None) for b in BLOCK.finditer(body)
        )


@pytest.mark.slow
def test_every_command_runs_word_for_word_and_answers_what_is_shown(tmp_path):
    """Cookbook: executed, every shown answer equal but for ids, times, tokens and ETags; limits as they are by default."""
    start = BLOCK.search(TEXT)["command"]
    assert start == "ADMIN_EMAIL={ADMIN_EMAIL} ADMIN_PASSWORD='{ADMIN_PASSWORD}' make run\n".format(**ADMIN)
    with Start(copy_of_the_shop(tmp_path), **ADMIN) as shop:
        ran, answers = play(TEXT, shop)
    assert (ran.returncode, ran.stderr) == (0, "")
    shown = [block["answer"] or "" for block in blocks(TEXT)]
    assert [steady(answer) for answer in answers] == [steady(answer) for answer in shown]


def test_what_varies_hides_nothing_else():
    """A control: an answer with another number, name or status is another answer."""
    one = '"quantity": 16, "created_at": "2026-11-24T08:00:00Z", etag: "0123456789abcdef01234567", eyJhbGciOiJI.abc.d-e_f'
    same = '"quantity": 16, "created_at": "2027-01-02T09:10:11Z", etag: "76543210fedcba9876543210", eyJhbGciOiJI.…'
    assert steady(one) == steady(same)
    assert steady(one.replace("16", "17")) != steady(one)
    assert steady(one.replace("created", "updated")) != steady(one)
