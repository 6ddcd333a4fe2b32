"""Creates, writes, reads back and lists files through nothing but gRPC.

    /usr/bin/python3 examples/python/round_trip.py 127.0.0.1:8020 /python-demo
"""

import hashlib
import random
import sys

import minihdfs


def main(namenode, directory):
    data = random.Random(1).randbytes(5_000_001)
    with minihdfs.Client(namenode) as fs:
        fs.mkdir(directory)
        fs.write(f"{directory}/empty", [], overwrite=True)
        # Blocks of 2 MiB, so that this small file has three of them.
        pieces = (data[i : i + 70_000] for i in range(0, len(data), 70_000))
        fs.write(f"{directory}/data.bin", pieces, overwrite=True, block_size=2 << 20)

        digest = hashlib.sha256()
        for part in fs.read(f"{directory}/data.bin"):
            digest.update(part)
        if digest.digest() != hashlib.sha256(data).digest():
            sys.exit("the bytes that came back are not the bytes that were written")
        for entry in fs.list(directory):
            print(f"{entry.length:>10}  {entry.replication}  {entry.name}")
        try:
            fs.write(f"{directory}/data.bin", [b"x"])
        except minihdfs.DfsError as error:
            print(f"as it should be: {error.name}")
    print(f"sha256 {digest.hexdigest()}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: round_trip.py NAMENODE_HOST:PORT DIRECTORY")
    main(sys.argv[1], sys.argv[2])
