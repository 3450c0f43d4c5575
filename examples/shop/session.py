#!/usr/bin/env python3
"""Plays `make demo` in a terminal of its own and draws parts of it as an SVG: what docs/session.svg is made with.

usage: session.py PATH-OF-THE-BINARY OUTPUT.svg      (needs pyte: pip install pyte)
"""
import fcntl
import html
import os
import pty
import re
import select
import struct
import sys
import termios
from pathlib import Path

import pyte

COLUMNS, ROWS, LINES = 116, 40, 1200
COLORS = {"default": "#d4d4d4", "red": "#f28b82", "green": "#81c995", "brown": "#fdd663", "yellow": "#fdd663",
          "blue": "#8ab4f8", "magenta": "#d7aefb", "cyan": "#78d9ec", "white": "#ffffff", "black": "#5f6368"}
# A frame is kept when the tree first says this: what the terminal shows while it works.
LIVE = re.compile(r"~ Deployment .* [12] of 3")
# The chapters that are shown, by their numbers.
CHAPTERS = (2, 3, 5)


def play(binary):
    """The final screen, and the live tree of the first promotion as it was on the way."""
    demo = Path(__file__).with_name("demo.sh")
    screen, frame = pyte.Screen(COLUMNS, LINES), None
    stream = pyte.ByteStream(screen)
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(demo, [str(demo), binary])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    while True:
        select.select([terminal], [], [])
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        stream.feed(data)
        if frame is None and any(LIVE.search(line) for line in screen.display[-LINES:] if line.strip()):
            frame = [row(screen, at) for at in range(LINES)]
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit("\n".join(line.rstrip() for line in screen.display if line.strip()))
    return [row(screen, at) for at in range(LINES)], frame or []


def row(screen, at):
    """A line as (text, color, bold) runs."""
    runs = []
    for column in range(COLUMNS):
        cell = screen.buffer[at][column]
        style = (cell.fg, cell.bold)
        if runs and runs[-1][1] == style:
            runs[-1][0] += cell.data
        else:
            runs.append([cell.data, style])
    return [(text, *style) for text, style in runs]


def text_of(line):
    return "".join(text for text, _, _ in line).rstrip()


def chapter(lines, number):
    start = next(at for at, line in enumerate(lines) if text_of(line).startswith(f"{number}. "))
    rest = lines[start + 1:]
    ends = [at for at, line in enumerate(rest) if re.match(r"\d\. |  Cleaning up", text_of(line))]
    end = ends[0] if ends else max(at for at, line in enumerate(rest) if text_of(line)) + 1
    part = [lines[start]] + rest[:end]
    while part and not text_of(part[-1]):
        part.pop()
    return part


def draw(lines):
    size, step = 13, 17
    width, height = COLUMNS * 7.83 + 32, len(lines) * step + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
           f'height="{height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="{size}">',
           f'<rect width="100%" height="100%" rx="8" fill="#1e1f22"/>']
    for at, line in enumerate(lines):
        spans = []
        for text, color, bold in line:
            fill = COLORS.get(color, "#" + color if re.fullmatch("[0-9a-f]{6}", color) else COLORS["default"])
            weight = ' font-weight="bold"' if bold else ""
            spans.append(f'<tspan fill="{fill}"{weight}>{html.escape(text)}</tspan>')
        if text_of(line):
            out.append(f'<text xml:space="preserve" x="16" y="{at * step + 30}">{"".join(spans)}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    lines, live = play(sys.argv[1])
    shown = []
    for number in CHAPTERS:
        part = chapter(live if number == 2 and live else lines, number)
        shown += (["blank"] if shown else []) + part
    blank = [(" ", "default", False)]
    Path(sys.argv[2]).write_text(draw([blank if line == "blank" else line for line in shown]))


if __name__ == "__main__":
    main()
