"""Inventories are read as they are written, and what is wrong with them is said in one line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import UserError
from traces.inventory import HostEntry, Profile, Tls, as_toml, entries_named, hosts_of, read_inventory

texts = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12)
amounts = st.floats(0.0, 1e6)
profiles = st.tuples(amounts, amounts, amounts, amounts).map(lambda t: Profile(*t))
entries = st.tuples(
    texts,
    texts.map("unix://{}".format),
    st.just(""),
    st.none() | st.floats(0.01, 512.0),
    st.none() | st.integers(1, 2**40),
    st.sampled_from(["", "HDD", "10MB:415"]),
    st.integers(0, 2**35),
    st.dictionaries(texts, texts, max_size=3),
    st.none() | st.just(Tls("/ca.pem", "/cert.pem", "/key.pem")),
    texts,
    profiles,
).map(lambda t: HostEntry(*t))


@given(st.lists(entries, min_size=1, max_size=3, unique_by=lambda entry: entry.name))
def test_what_is_written_is_read_back(tmp_path_factory, hosts):
    path = tmp_path_factory.mktemp("inventory") / "hosts.toml"
    path.write_text(as_toml(hosts), encoding="utf-8")

    assert read_inventory(path) == hosts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[host]]\nname = "a"', "give either an address or a context"),
        ('[[host]]\nname = "a"\naddress = "unix:///x"\ncontext = "y"', "give either an address or a context"),
        ('[[host]]\nname = "a"\naddress = "http://x"', "must begin with"),
        ('[[host]]\nname = "a"\naddress = "unix:///x"\ncpu = 2', "did you mean 'cpus'?"),
        ('[[host]]\naddress = "unix:///x"', "name is missing"),
        ('[[host]]\nname = "a"\naddress = "unix:///x"\ncpus = 0', "cpus must be more than 0"),
        ('[[host]]\nname = "a"\naddress = "unix:///x"\nmemory = "much"', "'much' is not a size"),
        ('[[host]]\nname = "a"\naddress = "unix:///x"\ndisk = "SDD"', "disk 'SDD'"),
        ('[[host]]\nname = "a"\naddress = "unix:///x"\nprofile = { start_s = -1 }', "start_s must be a number"),
        ('[[host]]\nname = "a"\naddress = "unix:///x"\n' * 2, "twice"),
        ("", "there is no [[host]]"),
        ("hosts = 3", "unknown key 'hosts'"),
        ("[[host]", "hosts.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    path = tmp_path / "hosts.toml"
    path.write_text(text)

    with pytest.raises(UserError) as raised:
        read_inventory(path)

    assert said in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_of_a_connection_lie_beside_the_inventory(tmp_path):
    (tmp_path / "hosts.toml").write_text('[[host]]\nname = "a"\naddress = "tcp://a:1"\ntls = { ca = "ca.pem" }')

    (entry,) = read_inventory(tmp_path / "hosts.toml")

    assert entry.tls == Tls(str(tmp_path / "ca.pem"))


def test_a_connection_without_a_certificate_of_ours_is_read_back_so(tmp_path):
    entry = HostEntry("a", "tcp://a:1", tls=Tls(str(tmp_path / "ca.pem")))
    path = tmp_path / "hosts.toml"
    path.write_text(as_toml([entry]))

    assert read_inventory(path) == [entry]


def test_hosts_can_be_named_without_a_file():
    first, second, third = entries_named("unix:///run/a.sock,tcp://10.0.0.1:2375,context:far")

    assert first.is_local
    assert (second.address, second.tls) == ("tcp://10.0.0.1:2375", None)
    assert (third.context, third.address) == ("far", "")


def test_connections_are_protected_as_the_environment_says(monkeypatch):
    monkeypatch.setenv("DOCKER_CERT_PATH", "/certs")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")

    (entry,) = entries_named("tcp://10.0.0.1:2376")

    assert entry.tls == Tls("/certs/ca.pem", "/certs/cert.pem", "/certs/key.pem")


def test_the_tank_takes_sizes_and_no_addresses():
    hosts = hosts_of(
        [HostEntry("a", "unix:///a", cpus=0.5, memory_bytes=2**29, disk="10MB:415", labels={"rack": "1"})], "x"
    )

    assert hosts.capacity[:2, 0].tolist() == [500, 2**29]
    assert hosts.attributes == [{"rack": "1"}]
    with pytest.raises(UserError, match="'b' says no cpus"):
        hosts_of([HostEntry("b", "unix:///b")], "x")


def test_a_missing_inventory_is_named():
    with pytest.raises(UserError, match=r"nowhere\.toml"):
        entries_named(str(Path("nowhere.toml")))
