"""Health for load balancers and Prometheus. None of these pages tells anything about clients or people."""

from collections import defaultdict
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agency.kit import metrics
from agency.kit.health import Health, run_checks


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Everything needed to do work is there: 200, else 503; each check with its state; `manage.py doctor` says more."""
    found = run_checks(only_ready=True)
    failed = any(finding.health == Health.FAILED for finding in found.values())
    body = {name: finding.health.value for name, finding in found.items()}
    return JsonResponse({"ready": not failed, "checks": body}, status=503 if failed else 200)


class _Scrape(Collector):
    """Reads counters from Redis and gauges from the registered sources at the moment of the scrape."""

    def collect(self) -> Iterator[Metric]:
        for name, values in metrics.counters().items():
            text, labels = metrics.COUNTERS[name]
            counter = CounterMetricFamily(f"batuta_{name}", text, labels=labels)
            for label_values, value in sorted(values.items()):
                counter.add_metric(label_values, value)
            yield counter
        gauges: dict[str, list[metrics.Sample]] = defaultdict(list)
        for source in metrics.sources():
            for sample in source():
                gauges[sample.name].append(sample)
        for name, samples in gauges.items():
            labels = tuple(samples[0].labels)
            gauge = GaugeMetricFamily(f"batuta_{name}", samples[0].text, labels=labels)
            for sample in samples:
                gauge.add_metric([sample.labels[label] for label in labels], sample.value)
            yield gauge


@never_cache
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
