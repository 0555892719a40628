#!/usr/bin/python3 -B
"""The metrics of a relay, read strictly.

metrics.py ADDR:PORT           fetch them, check every line, print the series
metrics.py ADDR:PORT --text    print them as they came
metrics.py ADDR:PORT NAME...   only these, sums over the labels not given:
                               requests_total{result=busy} is one of all codes

What is checked is the text format 0.0.4 and the practice of Prometheus: HELP
and TYPE before the values and once, families in one piece, no series twice,
names with their unit, counters that end in _total, histograms that add up.
"""
import re
import socket
import sys

PREFIX = 'sentinel_relay_'
NAME = r'[a-z][a-z0-9_]*[a-z0-9]'
VALUE = r'(?:0|[1-9][0-9]*)(?:\.[0-9]+)?'
SAMPLE = re.compile(rf'({NAME})(?:\{{([^}}]*)\}})? ({VALUE})')
LABEL = re.compile(rf'({NAME}|le)="([A-Za-z0-9_.+-]+)"')
UNITS = ('_bytes', '_seconds')
HEAD = re.compile(
    r'HTTP/1\.1 200 OK\r\n'
    r'Content-Type: text/plain; version=0\.0\.4; charset=utf-8\r\n'
    r'Content-Length: ([0-9]+)\r\nConnection: close\r\n\r\n')


def fetch(address):
    host, port = address.rsplit(':', 1)
    with socket.create_connection((host, int(port)), 10) as s:
        s.settimeout(10)
        s.sendall(b'GET /metrics HTTP/1.1\r\nHost: %b\r\n\r\n'
                  % address.encode())
        parts = []
        while parts[-1:] != [b'']:
            parts.append(s.recv(65536))
    answer = b''.join(parts).decode('ascii')
    head = HEAD.match(answer)
    assert head, f'no such answer: {answer[:200]!r}'
    body = answer[head.end():]
    assert len(body) == int(head[1]), 'its length is not what was said'
    return body


def parse_labels(text):
    labels = {}
    for part in text.split(',') if text else []:
        m = LABEL.fullmatch(part)
        assert m and m[1] not in labels, f'label {part!r}'
        labels[m[1]] = m[2]
    return labels


class Family:
    def __init__(self, name, help_text):
        assert name.startswith(PREFIX), name
        assert help_text.endswith('.'), f'{name}: {help_text}'
        self.name = name
        self.type = None
        self.samples = {}

    def add(self, name, labels, value):
        suffix = name[len(self.name):]
        allowed = ('_bucket', '_sum', '_count')
        assert name.startswith(self.name), f'{name} in {self.name}'
        assert suffix in (allowed if self.type == 'histogram' else ('',)), name
        assert ('le' in labels) == (suffix == '_bucket'), name
        key = (suffix, tuple(sorted(labels.items())))
        assert key not in self.samples, f'{name} twice'
        self.samples[key] = value

    def check(self):
        assert self.samples, f'{self.name} has no value'
        total = self.name.endswith('_total')
        assert total == (self.type == 'counter'), self.name
        base = self.name.removesuffix('_total')
        for unit in UNITS:
            assert unit[1:] not in base.split('_')[:-1], f'{base}: {unit}'
        if self.type == 'histogram':
            self.check_histogram()

    def check_histogram(self):
        assert self.name.endswith(UNITS), self.name
        buckets = [(float(labels[0][1].replace('Inf', 'inf')), float(v))
                   for (suffix, labels), v in self.samples.items()
                   if suffix == '_bucket']
        assert buckets == sorted(buckets), f'{self.name}: order'
        counts = [n for _, n in buckets]
        assert counts == sorted(counts), f'{self.name}: not cumulative'
        assert buckets[-1][0] == float('inf'), f'{self.name}: no +Inf'
        assert counts[-1] == float(self.samples['_count', ()]), self.name
        assert ('_sum', ()) in self.samples, f'{self.name}: no sum'


def parse(text):
    families = []
    assert text.endswith('\n')
    for line in text[:-1].split('\n'):
        word, _, rest = line.partition(' ')
        if word == '#':
            kind, name, words = rest.split(' ', 2)
            if kind == 'HELP':
                assert name not in [f.name for f in families], f'{name} twice'
                families.append(Family(name, words))
                continue
            f = families[-1]
            assert kind == 'TYPE' and name == f.name and not f.type, line
            assert words in ('counter', 'gauge', 'histogram'), line
            f.type = words
            continue
        m = SAMPLE.fullmatch(line)
        assert m and families and families[-1].type, f'line {line!r}'
        families[-1].add(m[1], parse_labels(m[2]), m[3])
    for f in families:
        f.check()
    return families


def series(families):
    """As (name without the prefix, labels, value)."""
    for f in families:
        for (suffix, labels), value in f.samples.items():
            yield (f.name + suffix)[len(PREFIX):], dict(labels), value


def wanted(text):
    name, _, labels = text.rstrip('}').partition('{')
    return name, dict(part.split('=') for part in labels.split(',') if part)


def total(all_series, name, labels):
    found = [int(v) for n, has, v in all_series
             if n == name and labels.items() <= has.items()]
    assert found, f'there is no {name} {labels}'
    return sum(found)


def main():
    text, names = fetch(sys.argv[1]), sys.argv[2:]
    found = list(series(parse(text)))
    if names == ['--text']:
        sys.exit(print(text, end=''))
    for name in names:
        print(total(found, *wanted(name)))
    for name, labels, value in [] if names else found:
        inside = ','.join(f'{k}={v}' for k, v in labels.items())
        print(name + (f'{{{inside}}}' if inside else ''), value)


if __name__ == '__main__':
    try:
        main()
    except (AssertionError, ValueError, OSError) as e:
        sys.exit(f'metrics.py: {e}')
