#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A TCP proxy between a client and a relay, for tests.

Prints the port it listens on, then serves until it is killed.

  --record FILE   append every byte that goes from client to relay
  --cut-up N      let N bytes through to the relay, then close both sides
  --cut-down N    let N bytes through to the client, then close both sides
  --bytewise      pass everything on one byte at a time, both ways
"""
import argparse
import asyncio


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("target", help="HOST:PORT of the relay")
    parser.add_argument("--record")
    parser.add_argument("--cut-up", type=int)
    parser.add_argument("--cut-down", type=int)
    parser.add_argument("--bytewise", action="store_true")
    return parser.parse_args()


async def pump(reader, writer, limit, record, step):
    """Pass bytes on until the end of the stream or the limit."""
    while limit is None or limit > 0:
        data = await reader.read(step if limit is None else min(step, limit))
        if not data:
            return
        if record:
            record.write(data)
            record.flush()
        writer.write(data)
        await writer.drain()
        if limit is not None:
            limit -= len(data)


async def serve(args, reader, writer):
    host, port = args.target.rsplit(":", 1)
    try:
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
    except OSError:
        writer.close()
        return
    record = open(args.record, "ab") if args.record else None
    step = 1 if args.bytewise else 65536
    pumps = [
        asyncio.create_task(pump(reader, up_writer, args.cut_up, record, step)),
        asyncio.create_task(
            pump(up_reader, writer, args.cut_down, None, step)),
    ]
    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    for task in pumps:
        task.cancel()
    await asyncio.gather(*pumps, return_exceptions=True)
    if record:
        record.close()
    writer.close()
    up_writer.close()


async def main():
    args = arguments()
    server = await asyncio.start_server(
        lambda r, w: serve(args, r, w), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
