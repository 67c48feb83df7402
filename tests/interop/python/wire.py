"""The AMQP 0-9-1 codec of the probes: any method, any field type, and answers shown with the types the server used.

Source: AMQP 0-9-1 specification, sections 2.3.5 (frames), 4.2.5 (field values, in RabbitMQ's dialect), method list.
"""

import struct

FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT, FRAME_END = 1, 2, 3, 8, 0xCE
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"

# class method name field:type ...
METHODS_TEXT = """
10 10 connection.start version_major:octet version_minor:octet server_properties:table mechanisms:longstr locales:longstr
10 11 connection.start-ok client_properties:table mechanism:shortstr response:longstr locale:shortstr
10 20 connection.secure challenge:longstr
10 21 connection.secure-ok response:longstr
10 30 connection.tune channel_max:short frame_max:long heartbeat:short
10 31 connection.tune-ok channel_max:short frame_max:long heartbeat:short
10 40 connection.open vhost:shortstr reserved1:shortstr reserved2:bit
10 41 connection.open-ok reserved1:shortstr
10 50 connection.close reply_code:short reply_text:shortstr class_id:short method_id:short
10 51 connection.close-ok
10 60 connection.blocked reason:shortstr
10 61 connection.unblocked
10 70 connection.update-secret new_secret:longstr reason:shortstr
10 71 connection.update-secret-ok
20 10 channel.open reserved1:shortstr
20 11 channel.open-ok reserved1:longstr
20 20 channel.flow active:bit
20 21 channel.flow-ok active:bit
20 40 channel.close reply_code:short reply_text:shortstr class_id:short method_id:short
20 41 channel.close-ok
30 10 access.request realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit
30 11 access.request-ok ticket:short
40 10 exchange.declare ticket:short exchange:shortstr type:shortstr passive:bit durable:bit auto_delete:bit internal:bit nowait:bit arguments:table
40 11 exchange.declare-ok
40 20 exchange.delete ticket:short exchange:shortstr if_unused:bit nowait:bit
40 21 exchange.delete-ok
40 30 exchange.bind ticket:short destination:shortstr source:shortstr routing_key:shortstr nowait:bit arguments:table
40 31 exchange.bind-ok
40 40 exchange.unbind ticket:short destination:shortstr source:shortstr routing_key:shortstr nowait:bit arguments:table
40 51 exchange.unbind-ok
50 10 queue.declare ticket:short queue:shortstr passive:bit durable:bit exclusive:bit auto_delete:bit nowait:bit arguments:table
50 11 queue.declare-ok queue:shortstr message_count:long consumer_count:long
50 20 queue.bind ticket:short queue:shortstr exchange:shortstr routing_key:shortstr nowait:bit arguments:table
50 21 queue.bind-ok
50 30 queue.purge ticket:short queue:shortstr nowait:bit
50 31 queue.purge-ok message_count:long
50 40 queue.delete ticket:short queue:shortstr if_unused:bit if_empty:bit nowait:bit
50 41 queue.delete-ok message_count:long
50 50 queue.unbind ticket:short queue:shortstr exchange:shortstr routing_key:shortstr arguments:table
50 51 queue.unbind-ok
60 10 basic.qos prefetch_size:long prefetch_count:short global:bit
60 11 basic.qos-ok
60 20 basic.consume ticket:short queue:shortstr consumer_tag:shortstr no_local:bit no_ack:bit exclusive:bit nowait:bit arguments:table
60 21 basic.consume-ok consumer_tag:shortstr
60 30 basic.cancel consumer_tag:shortstr nowait:bit
60 31 basic.cancel-ok consumer_tag:shortstr
60 40 basic.publish ticket:short exchange:shortstr routing_key:shortstr mandatory:bit immediate:bit
60 50 basic.return reply_code:short reply_text:shortstr exchange:shortstr routing_key:shortstr
60 60 basic.deliver consumer_tag:shortstr delivery_tag:longlong redelivered:bit exchange:shortstr routing_key:shortstr
60 70 basic.get ticket:short queue:shortstr no_ack:bit
60 71 basic.get-ok delivery_tag:longlong redelivered:bit exchange:shortstr routing_key:shortstr message_count:long
60 72 basic.get-empty reserved1:shortstr
60 80 basic.ack delivery_tag:longlong multiple:bit
60 90 basic.reject delivery_tag:longlong requeue:bit
60 100 basic.recover-async requeue:bit
60 110 basic.recover requeue:bit
60 111 basic.recover-ok
60 120 basic.nack delivery_tag:longlong multiple:bit requeue:bit
85 10 confirm.select nowait:bit
85 11 confirm.select-ok
90 10 tx.select
90 11 tx.select-ok
90 20 tx.commit
90 21 tx.commit-ok
90 30 tx.rollback
90 31 tx.rollback-ok
"""
PROPERTIES = [
    ("content_type", "shortstr", 15), ("content_encoding", "shortstr", 14), ("headers", "table", 13),
    ("delivery_mode", "octet", 12), ("priority", "octet", 11), ("correlation_id", "shortstr", 10),
    ("reply_to", "shortstr", 9), ("expiration", "shortstr", 8), ("message_id", "shortstr", 7),
    ("timestamp", "longlong", 6), ("type", "shortstr", 5), ("user_id", "shortstr", 4),
    ("app_id", "shortstr", 3), ("cluster_id", "shortstr", 2),
]
INTEGERS = {"octet": ">B", "short": ">H", "long": ">I", "longlong": ">Q"}
# Field value tags with a fixed struct layout (RabbitMQ's dialect: s is a 16-bit integer).
FIXED = {"b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "L": ">Q", "f": ">f", "d": ">d", "T": ">Q"}


def _parse_methods():
    by_name, by_id = {}, {}
    for line in METHODS_TEXT.strip().splitlines():
        class_id, method_id, name, *fields = line.split()
        spec = (int(class_id), int(method_id), name, [tuple(f.split(":")) for f in fields])
        by_name[name], by_id[spec[:2]] = spec, spec
    return by_name, by_id


METHODS, METHOD_BY_ID = _parse_methods()
CONTENT_METHODS = {"basic.return", "basic.deliver", "basic.get-ok"}


class V:
    """A field value with its wire tag, both ways: V('I', 5). Tag 'raw' sends the value's bytes as they are, tag included."""

    def __init__(self, tag, value):
        self.tag, self.value = tag, value

    def __repr__(self):
        return f"{self.tag}:{self.value}"

    def __eq__(self, other):
        return isinstance(other, V) and (self.tag, self.value) == (other.tag, other.value)


def tag_of(value):
    if value is None:
        return V("V", None)
    if isinstance(value, bool):
        return V("t", value)
    if isinstance(value, int):
        return V("I" if -(2**31) <= value < 2**31 else "l", value)
    if isinstance(value, float):
        return V("d", value)
    tags = {str: "S", bytes: "x", list: "A", dict: "F"}
    return V(tags[type(value)], value)


def encode_value(value):
    value = value if isinstance(value, V) else tag_of(value)
    tag, data = value.tag, value.value
    if tag == "raw":
        return data
    out = tag.encode()
    if tag in FIXED:
        return out + struct.pack(FIXED[tag], data)
    if tag == "t":
        return out + bytes([data])
    if tag == "V":
        return out
    if tag in "Sx":
        data = data.encode() if isinstance(data, str) else data
        return out + struct.pack(">I", len(data)) + data
    if tag == "D":
        return out + struct.pack(">Bi", *data)
    if tag == "F":
        return out + encode_table(data)
    if tag == "A":
        body = b"".join(encode_value(item) for item in data)
        return out + struct.pack(">I", len(body)) + body
    raise ValueError(f"unknown field tag {tag!r}")


def encode_shortstr(text):
    data = text.encode() if isinstance(text, str) else text
    return bytes([len(data)]) + data


def encode_table(table):
    body = b"".join(encode_shortstr(key) + encode_value(value) for key, value in (table or {}).items())
    return struct.pack(">I", len(body)) + body


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        part = self.data[self.at:self.at + count]
        if len(part) != count:
            raise ValueError(f"{count} bytes wanted, {len(part)} left")
        self.at += count
        return part

    def unpack(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def field(self, kind):
        if kind in INTEGERS:
            return self.unpack(INTEGERS[kind])[0]
        if kind == "shortstr":
            return self.take(self.take(1)[0]).decode("utf-8", "backslashreplace")
        if kind == "longstr":
            return self.take(self.unpack(">I")[0]).decode("utf-8", "backslashreplace")
        if kind == "table":
            return self.table()
        raise ValueError(kind)

    def table(self):
        inner, out = Reader(self.take(self.unpack(">I")[0])), {}
        while inner.at < len(inner.data):
            key = inner.field("shortstr")
            out[key] = inner.value()
        return out

    def value(self):
        tag = self.take(1).decode("latin-1")
        if tag in FIXED:
            return V(tag, self.unpack(FIXED[tag])[0])
        if tag == "t":
            return V(tag, bool(self.take(1)[0]))
        if tag == "V":
            return V(tag, None)
        if tag == "S":
            return V(tag, self.field("longstr"))
        if tag == "x":
            return V(tag, self.take(self.unpack(">I")[0]).hex())
        if tag == "D":
            return V(tag, self.unpack(">Bi"))
        if tag == "F":
            return self.table()
        if tag == "A":
            inner, out = Reader(self.take(self.unpack(">I")[0])), []
            while inner.at < len(inner.data):
                out.append(inner.value())
            return out
        raise ValueError(f"unknown field tag {tag!r}")


def encode_method(name, args):
    """Bytes of a method frame's payload. Fields that are not given are zero or empty."""
    class_id, method_id, _, fields = METHODS[name]
    unknown = set(args) - {field for field, _ in fields}
    assert not unknown, f"{name} has no field {unknown}"
    out, bits = [struct.pack(">HH", class_id, method_id)], []

    def flush():
        if bits:
            out.append(bytes([sum(1 << i for i, bit in enumerate(bits) if bit)]))
            bits.clear()

    for field, kind in fields:
        value = args.get(field)
        if kind == "bit":
            bits.append(bool(value))
            continue
        flush()
        if kind in INTEGERS:
            out.append(struct.pack(INTEGERS[kind], value or 0))
        elif kind == "shortstr":
            out.append(encode_shortstr(value or ""))
        elif kind == "longstr":
            data = value.encode() if isinstance(value, str) else (value or b"")
            out.append(struct.pack(">I", len(data)) + data)
        else:
            out.append(encode_table(value))
    flush()
    return b"".join(out)


def decode_method(payload):
    reader = Reader(payload)
    class_id, method_id = reader.unpack(">HH")
    spec = METHOD_BY_ID.get((class_id, method_id))
    if spec is None:
        return Event(f"unknown({class_id},{method_id})", {})
    args, bit = {}, 8
    for field, kind in spec[3]:
        if kind == "bit":
            if bit == 8:
                octet, bit = reader.take(1)[0], 0
            args[field] = bool(octet >> bit & 1)
            bit += 1
            continue
        bit = 8
        args[field] = reader.field(kind)
    return Event(spec[2], args)


def encode_properties(props):
    mask, out = 0, []
    for name, kind, bit in PROPERTIES:
        if name not in props:
            continue
        mask |= 1 << bit
        value = props[name]
        if kind == "table":
            out.append(encode_table(value))
        elif kind == "shortstr":
            out.append(encode_shortstr(value))
        else:
            out.append(struct.pack(INTEGERS[kind], value))
    return struct.pack(">H", mask) + b"".join(out)


def encode_header(props, size, class_id=60):
    return struct.pack(">HHQ", class_id, 0, size) + encode_properties(props)


def decode_header(payload):
    reader = Reader(payload)
    _, _, size, mask = reader.unpack(">HHQH")
    return size, {name: reader.field(kind) for name, kind, bit in PROPERTIES if mask >> bit & 1}


def frame(kind, channel, payload, end=FRAME_END):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + bytes([end])


class Event:
    """One method received, with its content if it has one."""

    def __init__(self, name, args):
        self.name, self.args, self.props, self.body = name, args, None, b""

    def __getattr__(self, name):
        try:
            return self.args[name]
        except KeyError:
            raise AttributeError(name) from None
