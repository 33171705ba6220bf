"""Runs inside smpclient's own environment: one upgrade of the device at the end of a serial port, as that client does
it. Usage: smpclient_session.py PORT encoded|raw IMAGE. Prints what it saw as one JSON object."""
import asyncio
import json
import sys

from smpclient import SMPClient
from smpclient.generics import error
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.transport.serial import SMPSerialTransport
from smpclient.transport.serial.unencoded import SMPSerialRawTransport


async def ask(client, request, tries=1):
    for left in range(tries, 0, -1):
        try:
            answer = await client.request(request, timeout_s=2)
            if not error(answer):
                return answer
            seen = str(answer)
        except Exception as problem:  # of several kinds while the device restarts
            seen = repr(problem)
        if left > 1:
            await asyncio.sleep(0.1)
    raise SystemExit(f"{type(request).__name__}: {seen}")


def view(states):
    return [{"slot": i.slot, "version": i.version, "hash": i.hash.hex(), "active": bool(i.active),
             "pending": bool(i.pending), "confirmed": bool(i.confirmed)} for i in states.images]


async def session(port, framing, image):
    transport = SMPSerialTransport() if framing == "encoded" else SMPSerialRawTransport(mtu=2044)
    seen = {}
    async with SMPClient(transport, port) as client:
        params = await ask(client, MCUMgrParametersRead())
        seen["params"] = [params.buf_size, params.buf_count]
        seen["echo"] = (await ask(client, EchoWrite(d="hello"))).r
        seen["before"] = view(await ask(client, ImageStatesRead()))
        seen["offsets"] = [off async for off in client.upload(image)]
        seen["uploaded"] = view(await ask(client, ImageStatesRead()))
        new = bytes.fromhex(seen["uploaded"][1]["hash"])
        seen["test"] = view(await ask(client, ImageStatesWrite(hash=new, confirm=False)))
        await ask(client, ResetWrite())
        await asyncio.sleep(0.2)
        seen["trial"] = view(await ask(client, ImageStatesRead(), tries=20))
        seen["confirmed"] = view(await ask(client, ImageStatesWrite(hash=new, confirm=True), tries=20))
    return seen


with open(sys.argv[3], "rb") as file:
    print(json.dumps(asyncio.run(session(sys.argv[1], sys.argv[2], file.read()))))
