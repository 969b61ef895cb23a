"""The same journey by commands where no engine answers: the embedded server takes its place."""


def test_from_a_clone_to_the_bookings_without_an_engine(lone_clone):
    lone_clone.done("env", "init")
    first = lone_clone.json("up")
    assert [service["action"] for service in first["services"]] == ["created"]
    lone_clone.done("migrate", "up")
    lone_clone.done("seed", "--bookings", "1000")
    bookings = lone_clone.json("tables", "bookings")
    assert bookings["migration"]["revision"] == "0003"
    assert "ex_bookings_resource_id_period EXCLUDE USING gist" in bookings["definition"]
    assert "CREATE TABLE public.bookings (" in lone_clone.done("tables", "bookings").stdout
    page = lone_clone.json("rows", "bookings", "--limit", "5")
    assert len(page["rows"]) == 5
    assert page["findings"] == []
    following = lone_clone.json("rows", "bookings", "--limit", "5", "--after", page["next"])
    assert [row[0] for row in following["rows"]] == [row[0] + 5 for row in page["rows"]]
    assert following["previous"]
    assert "The cursor does not fit" in lone_clone.run("rows", "bookings", "--after", page["next"][:-3]).stderr
    some = lone_clone.json(
        "rows", "bookings", "--where", "status in (cancelled)", "--where", "party_size between 1 and 2"
    )
    assert {row[6] for row in some["rows"]} <= {1, 2}
    assert some["where"][0] == "\"status\" IN ('cancelled'::booking_status)"
    plan = lone_clone.json("rows", "bookings", "--plan", "--where", "id = 7")
    assert plan["plans"][0]["kind"] == "Limit"
    assert plan["cautions"] == []
    status = lone_clone.json("status")
    assert status["runtime"] == "embedded"
    assert status["database"]["reachable"]
    assert [s["action"] for s in lone_clone.json("up")["services"]] == ["kept"]
    lone_clone.done("stop")
    assert lone_clone.run("rows", "bookings").returncode == 1
    assert [s["action"] for s in lone_clone.json("up")["services"]] == ["started"]
    assert len(lone_clone.json("rows", "bookings", "--limit", "5")["rows"]) == 5
    lone_clone.done("down", "--volumes", "--yes")
    assert [s["state"] for s in lone_clone.json("status")["services"]] == ["absent"]
