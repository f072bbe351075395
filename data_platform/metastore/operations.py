"""The part of the metastore about objectives, incidents, traces and costs, as one object."""

from __future__ import annotations

from data_platform.metastore.automatic_acts import AutomaticActs
from data_platform.metastore.breakers import BreakerLines
from data_platform.metastore.component_beats import ComponentBeats
from data_platform.metastore.contract_checks import ContractChecks
from data_platform.metastore.database import Database
from data_platform.metastore.deploys import Deploys
from data_platform.metastore.failing_facts import FailingFacts
from data_platform.metastore.incident_events import IncidentEvents
from data_platform.metastore.incidents import Incidents
from data_platform.metastore.metric_facts import MetricFacts
from data_platform.metastore.metric_rollups import MetricRollups, PrunedCounts
from data_platform.metastore.notifications import Notifications
from data_platform.metastore.objective_samples import ObjectiveSamples
from data_platform.metastore.objectives import ObjectiveStandings
from data_platform.metastore.queued_runs import QueuedRuns
from data_platform.metastore.run_meters import RunMeters
from data_platform.metastore.run_overview import RunOverview
from data_platform.metastore.run_slots import RunSlots
from data_platform.metastore.security_events import SecurityEvents
from data_platform.metastore.sli_facts import SliFacts
from data_platform.metastore.sli_values import SliValues
from data_platform.metastore.source_counts import SourceCounts
from data_platform.metastore.spans import Spans
from data_platform.metastore.storage_meters import StorageMeters
from data_platform.metastore.suppressions import Suppressions
from data_platform.metastore.symptoms import Symptoms
from data_platform.metastore.table_rows import TableRows


class Operations:
    """A repository for each kind of entry."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.metric_facts = MetricFacts(database)
        self.metric_rollups = MetricRollups(database)
        self.pruned_counts = PrunedCounts(database)
        self.objective_samples = ObjectiveSamples(database)
        self.objectives = ObjectiveStandings(database)
        self.deploys = Deploys(database)
        self.run_meters = RunMeters(database)
        self.run_overview = RunOverview(database)
        self.spans = Spans(database)
        self.storage_meters = StorageMeters(database)
        self.incidents = Incidents(database)
        self.symptoms = Symptoms(database)
        self.incident_events = IncidentEvents(database)
        self.notifications = Notifications(database)
        self.suppressions = Suppressions(database)
        self.security_events = SecurityEvents(database)
        self.breakers = BreakerLines(database)
        self.automatic_acts = AutomaticActs(database)
        self.component_beats = ComponentBeats(database)
        self.sli_values = SliValues(database)
        self.sli_facts = SliFacts(database)
        self.run_slots = RunSlots(database)
        self.source_counts = SourceCounts(database)
        self.queued_runs = QueuedRuns(database)
        self.contract_checks = ContractChecks(database)
        self.failing_facts = FailingFacts(database)
        self.table_rows = TableRows(database)
