import pytest

from serve.errors import JobError
from serve.features.items import Item, Shard, is_remote


@pytest.mark.parametrize("count", [1, 4, 20])
def test_shards_partition_the_images(count):
    items = [Item(str(number), str(number)) for number in range(10)]
    shares = [list(Shard(index, count).of(items)) for index in range(1, count + 1)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/2", "1/", "-1/2"])
def test_shards_that_are_none(text):
    with pytest.raises(JobError, match="a shard is i/n"):
        Shard.parse(text)


def test_a_url_is_no_path():
    assert is_remote("s3://bucket/photos") and not is_remote("photos/a:b.png")
