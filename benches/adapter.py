"""Fogsignal as a contender of a side-by-side benchmark of alerting systems.

The benchmark gives each contender the same synthetic exporters, rules and
faults. Fogsignal runs in its plain alerting mode (docs/configuration.md, 'Plain
alerting'): each alert is told by itself, once when it fires and once when it is
over. Pages are asked for uncompressed (`enable_compression`), as is advised
where the wire is cheaper than unpacking; GZIP=1 asks for gzip, which is the
default. Everything else is as installed.

    cargo build --profile dist
    FOGSIGNAL=target/dist/fogsignal compare.py --contender benches/adapter.py
"""

import json
import os
import re

from benchlib import rules
from benchlib.contenders import Contender, answers, metrics

HERE = os.path.dirname(os.path.abspath(__file__))
ALERT = re.compile(r"(Bench\w+|Background\d+)\{([^}]*)\}")
INSTANCE = re.compile(r'(?:^|, )instance="([^"]*)"')


class Adapter(Contender):
    name = "fogsignal"
    binaries = [os.environ.get("FOGSIGNAL", os.path.join(HERE, "../target/release/fogsignal"))]

    def configure(self, ctx):
        ctx.write("rules.yml", rules.as_yaml(ctx.scenario))
        config = ctx.write("fogsignal.yml", f"""\
global:
  evaluation_interval: {ctx.scenario.interval}s
  enable_compression: {json.dumps("GZIP" in os.environ)}
rule_files: [rules.yml]
incidents: {{correlate: off, watch: 0s, reopen_within: 0s}}
sinks:
- {{name: hook, adapter: webhook, audience: responders, url: "{ctx.generator.webhook_url}"}}
""" + ctx.scrape_yaml())
        return [(self.name, [self.binaries[0], "run", "--config.file", config, "--data-dir", ctx.path("fogsignal"),
                             "--server.listen", f"127.0.0.1:{ctx.ports[0]}", "--log.level", "warn"])]

    def ready(self, ctx):
        return answers(f"http://127.0.0.1:{ctx.ports[0]}/-/ready")

    def alerts(self, body):
        """A page is about one alert, which its details name with its labels."""
        message = json.loads(body)
        page = message["data"]["page"]
        if page["reason"] not in ("opened", "reopened", "resolved"):
            return []
        found = ALERT.search(page["summary"]) or ALERT.search(page["details"])
        if not found:
            return []
        instance = INSTANCE.search(found[2])
        return [(found[1], instance and instance[1], page["reason"] != "resolved")]

    def self_metrics(self, ctx):
        return metrics(f"http://127.0.0.1:{ctx.ports[0]}/metrics")
