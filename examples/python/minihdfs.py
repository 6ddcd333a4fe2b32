"""A Mini-HDFS client in Python that uses nothing but gRPC: the services in proto/, and no other part of this project.

Needs Debian's python3-grpcio and python3-grpc-tools. The stubs are generated from proto/ when the module is first imported
(into a directory of its own below the system's temporary directory).

    import minihdfs
    with minihdfs.Client("127.0.0.1:8020") as fs:
        fs.mkdir("/jobs")
        fs.write("/jobs/hello.txt", [b"hello, ", b"world\\n"])
        print(b"".join(fs.read("/jobs/hello.txt")))
        print(fs.list("/jobs"))

Bytes that are written here travel through the same pipeline as everyone's: the first DataNode takes them from the gRPC stream,
writes a replica and passes them on to the other two.
"""

import contextlib
import getpass
import os
import pathlib
import sys
import tempfile
import threading
import time
import uuid

import grpc
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
FILES = ["common.proto", "client_protocol.proto", "block_stream.proto"]


def _generate_stubs():
    """Compiles the proto files and makes the result importable."""
    out = tempfile.TemporaryDirectory(prefix="minihdfs-stubs-")
    code = protoc.main(["protoc", f"-I{PROTO}", f"--python_out={out.name}", f"--grpc_python_out={out.name}", *FILES])
    if code != 0:
        raise RuntimeError(f"protoc could not compile the files in {PROTO}")
    sys.path.insert(0, out.name)
    return out


_stubs = _generate_stubs()
import block_stream_pb2 as stream  # noqa: E402
import block_stream_pb2_grpc as stream_grpc  # noqa: E402
import client_protocol_pb2 as nn  # noqa: E402
import client_protocol_pb2_grpc as nn_grpc  # noqa: E402
import common_pb2 as common  # noqa: E402

CHUNK = 1 << 20  # largest `data` of one WriteBlock message
ATTEMPTS = 4
DEADLINE_S = 60


class DfsError(Exception):
    """A refusal by the cluster. `name` is one of the stable names in common/errors.ts: FileNotFound, SafeMode, …"""

    def __init__(self, error):
        metadata = dict(error.trailing_metadata() or ())
        self.name = metadata.get("dfs-error", error.code().name)
        super().__init__(f"{self.name}: {error.details()}")


class Client:
    """A file system. One object may be used by several threads."""

    def __init__(self, namenode, user=None):
        self._channel = grpc.insecure_channel(namenode)
        self._namenode = nn_grpc.ClientProtocolStub(self._channel)
        self._user = user or os.environ.get("DFS_USER") or getpass.getuser()
        self._client_id = uuid.uuid4().bytes
        self._client_name = f"python-{uuid.uuid4()}"
        self._calls = 0
        self._lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._channel.close()

    # ---- Namespace ----------------------------------------------------------------------------------------------------

    def mkdir(self, path, parents=True):
        self._call("Mkdirs", nn.MkdirsRequest(path=path, create_parent=parents))

    def stat(self, path):
        """The FileStatus of `path`, or None."""
        answer = self._call("GetFileInfo", nn.GetFileInfoRequest(path=path))
        return answer.status if answer.HasField("status") else None

    def list(self, path):
        """The FileStatus of every entry of a directory, sorted by name."""
        entries, start_after = [], ""
        while True:
            page = self._call("GetListing", nn.GetListingRequest(path=path, start_after=start_after))
            entries.extend(page.entries)
            if not page.has_more:
                return entries
            start_after = page.entries[-1].name

    def delete(self, path, recursive=False):
        return self._call("Delete", nn.DeleteRequest(path=path, recursive=recursive)).deleted

    # ---- Writing ------------------------------------------------------------------------------------------------------

    def write(self, path, chunks, overwrite=False, replication=0, block_size=0):
        """Writes the byte strings that `chunks` yields into a new file. One block is held in memory, so that it can be sent again
        when a DataNode fails."""
        create = nn.CreateRequest(
            path=path,
            client_name=self._client_name,
            overwrite=overwrite,
            create_parent=True,
            replication=replication,
            block_size=block_size,
        )
        status = self._call("Create", create).status
        previous = None
        with self._renewing_lease():
            for block in _regroup(chunks, status.block_size):
                previous = self._write_block(path, status.file_id, block, previous)
            self._complete(path, status.file_id, previous)

    def _write_block(self, path, file_id, data, previous):
        exclude = []
        for attempt in range(ATTEMPTS):
            request = nn.AddBlockRequest(
                path=path,
                file_id=file_id,
                client_name=self._client_name,
                previous=previous,
                exclude_datanodes=exclude,
            )
            located = self._retry_while("NotReplicatedYet", lambda: self._call("AddBlock", request)).block
            first = located.locations[0].datanode
            try:
                with grpc.insecure_channel(f"{first.host}:{first.rpc_port}") as channel:
                    stub = stream_grpc.BlockStreamStub(channel)
                    return stub.WriteBlock(self._messages(located, data), timeout=DEADLINE_S).block
            except grpc.RpcError as error:
                if attempt + 1 == ATTEMPTS:
                    raise DfsError(error) from None
                exclude.append(first.uuid)
                abandon = nn.AbandonBlockRequest(
                    path=path, file_id=file_id, client_name=self._client_name, block=located.block
                )
                self._call("AbandonBlock", abandon)

    def _messages(self, located, data):
        header = stream.WriteBlockHeader(
            block=located.block, client_name=self._client_name, targets=located.locations
        )
        yield stream.WriteBlockRequest(header=header)
        for start in range(0, len(data), CHUNK):
            yield stream.WriteBlockRequest(data=bytes(data[start : start + CHUNK]))

    def _complete(self, path, file_id, last_block):
        pause = 0.05
        for _ in range(12):
            request = nn.CompleteRequest(
                path=path, file_id=file_id, client_name=self._client_name, last_block=last_block
            )
            if self._call("Complete", request).complete:
                return
            time.sleep(pause)
            pause = min(pause * 2, 5)
        raise TimeoutError(f"{path}: the DataNodes did not report its last block in time")

    @contextlib.contextmanager
    def _renewing_lease(self):
        """Renews the lease every 20 seconds (others may take the file over after 60) while the body runs."""
        done = threading.Event()

        def renew():
            while not done.wait(20):
                with contextlib.suppress(DfsError):
                    self._call("RenewLease", nn.RenewLeaseRequest(client_name=self._client_name))

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    # ---- Reading ------------------------------------------------------------------------------------------------------

    def read(self, path):
        """Yields the bytes of a file, block after block, each from its nearest replica that answers."""
        offset, length = 0, None
        while length is None or offset < length:
            answer = self._call("GetBlockLocations", nn.GetBlockLocationsRequest(path=path, offset=offset))
            length = answer.file_length
            for located in answer.blocks:
                for data in self._read_block(located):
                    offset += len(data)
                    yield data
            if not answer.blocks:
                return

    def _read_block(self, located):
        done, failures = 0, []
        for location in located.locations:
            node = location.datanode
            try:
                with grpc.insecure_channel(f"{node.host}:{node.rpc_port}") as channel:
                    request = stream.ReadBlockRequest(
                        block=located.block, client_name=self._client_name, offset=done
                    )
                    for part in stream_grpc.BlockStreamStub(channel).ReadBlock(request, timeout=DEADLINE_S):
                        done += len(part.data)
                        yield part.data
                return
            except grpc.RpcError as error:
                failures.append(f"{node.host}:{node.data_port}: {error.details()}")
        raise OSError(f"block {located.block.block_id} cannot be read: {'; '.join(failures) or 'no replica known'}")

    # ---- Calls --------------------------------------------------------------------------------------------------------

    def _call(self, method, request):
        """One call with an identity of its own: sent again under the same identity after a broken connection, so that the
        NameNode can tell a repeat from a new call."""
        with self._lock:
            self._calls += 1
            call_id = self._calls
        request.header.CopyFrom(
            common.CallHeader(user=self._user, client_id=self._client_id, call_id=call_id)
        )
        for attempt in range(ATTEMPTS):
            try:
                return getattr(self._namenode, method)(request, timeout=DEADLINE_S)
            except grpc.RpcError as error:
                refused = "dfs-error" in dict(error.trailing_metadata() or ())
                lost = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
                if refused or not lost or attempt + 1 == ATTEMPTS:
                    raise DfsError(error) from None
                time.sleep(0.2 * 2**attempt)

    def _retry_while(self, name, call):
        for attempt in range(8):
            try:
                return call()
            except DfsError as error:
                if error.name != name or attempt == 7:
                    raise
                time.sleep(0.1 * 2**attempt)


def _regroup(chunks, size):
    """The bytes of `chunks` in pieces of exactly `size`, the last one shorter; nothing for no bytes."""
    buffer = bytearray()
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            take = view[: size - len(buffer)]
            buffer += take
            view = view[len(take) :]
            if len(buffer) == size:
                yield buffer
                buffer = bytearray()
    if buffer:
        yield buffer
