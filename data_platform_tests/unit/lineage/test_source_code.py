from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from data_platform.lineage.source_code import source_code


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "project" / "domains" / "shop" / "curated" / "orders.sql"
    file.parent.mkdir(parents=True)
    file.write_text("SELECT 1")
    return file


@pytest.fixture
def repository(file: Path, tmp_path: Path) -> str:
    """A repository with one commit; gives the commit."""
    git(tmp_path / "project", "init")
    git(tmp_path / "project", "add", ".")
    git(tmp_path / "project", "commit", "-m", "one")
    return git(tmp_path / "project", "rev-parse", "HEAD")


def test_without_a_repository_the_path_is_relative_to_the_project(file: Path, tmp_path: Path) -> None:
    found = source_code(file, project=tmp_path / "project" / "domains")
    assert (found.kind, found.path, found.url) == (
        "file",
        "shop/curated/orders.sql",
        "file:shop/curated/orders.sql",
    )
    assert str(tmp_path) not in repr(found)


@pytest.mark.parametrize(
    ("remote", "page", "shown"),
    [
        (
            "https://token:x@example.com/team/shop.git",
            "https://example.com/team/shop",
            "https://example.com/team/shop.git",
        ),
        ("git@example.com:team/shop.git", "https://example.com/team/shop", "git@example.com:team/shop.git"),
        ("/srv/git/shop.git", None, None),
    ],
)
def test_in_a_repository_commit_branch_and_address_are_named(
    file: Path, tmp_path: Path, repository: str, remote: str, page: str | None, shown: str | None
) -> None:
    git(tmp_path / "project", "remote", "add", "origin", remote)
    found = source_code(file, project=tmp_path)
    path = "domains/shop/curated/orders.sql"
    assert (found.kind, found.path, found.version, found.branch) == ("git", path, repository, "main")
    assert found.repository == shown
    assert found.url == (f"{page}/blob/{repository}/{path}" if page else f"git:{path}")


def test_packed_references_linked_work_trees_and_detached_heads_are_read(
    file: Path, tmp_path: Path, repository: str
) -> None:
    git(tmp_path / "project", "pack-refs", "--all")
    assert source_code(file, project=tmp_path).version == repository
    linked = tmp_path / "linked"
    git(tmp_path / "project", "worktree", "add", "-b", "other", str(linked))
    there = source_code(linked / "domains/shop/curated/orders.sql", project=tmp_path)
    assert (there.version, there.branch) == (repository, "other")
    detached = tmp_path / "detached"
    git(tmp_path / "project", "worktree", "add", "--detach", str(detached))
    there = source_code(detached / "domains/shop/curated/orders.sql", project=tmp_path)
    assert (there.version, there.branch) == (repository, None)
