"""The parts on a ticket, and the stock that follows them."""


def test_a_short_part_takes_nothing(staff, make, left):
    filters, pads = make.part(quantity=5), make.part(quantity=1)
    ticket = make.ticket()
    lines = [{"inventory_id": filters.id, "quantity": 2}, {"inventory_id": pads.id, "quantity": 2}]
    answer = staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": lines})
    assert answer.status_code == 409
    assert answer.json["shortages"] == [{"inventory_id": pads.id, "requested": 2, "available": 1}]
    assert left.stock_of(filters) == 5
    assert left.movements_of(filters) == [("received", 5)]
    assert left.lines_of(ticket) == {}
