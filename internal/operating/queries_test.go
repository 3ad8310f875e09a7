package operating_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	graph "github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	alerts = "../../docs/operating/alerts.yaml"
	board  = "../../docs/operating/dashboard.json"
)

// targetLabels are the labels that Prometheus itself adds to what it reads.
var targetLabels = map[string]bool{"job": true, "instance": true, "le": true}

// check fails unless everything that a query names is served.
func check(t *testing.T, query string, all map[string]*series) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	require.NoError(t, err, query)
	var selected []*series
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		selector, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		found := all[selector.Name]
		if !assert.NotNil(t, found, "%s is not served: %s", selector.Name, query) {
			return nil
		}
		selected = append(selected, found)
		for _, m := range selector.LabelMatchers {
			if m.Name == model.MetricNameLabel {
				continue
			}
			values, ok := found.labels[m.Name]
			assert.True(t, ok, "%s has no label %s: %s", selector.Name, m.Name, query)
			if m.Type == labels.MatchEqual {
				assert.Contains(t, values+"|", "|"+m.Value+"|", "%s has no %s of this value: %s", selector.Name, m.Name, query)
			}
		}
		return nil
	})
	require.NotEmpty(t, selected, "%s asks for nothing", query)
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		sum, ok := n.(*parser.AggregateExpr)
		if !ok {
			return nil
		}
		for _, by := range sum.Grouping {
			_, known := selected[0].labels[by]
			assert.True(t, known || targetLabels[by], "there is no label %s: %s", by, query)
		}
		return nil
	})
}

func TestTheAlertRulesAskForWhatIsServed(t *testing.T) {
	all := served(t)
	content, err := os.ReadFile(alerts)
	require.NoError(t, err)
	groups, errs := rulefmt.Parse(content, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	require.Empty(t, errs)
	page := strings.ToLower(page(t))
	for _, rule := range groups.Groups[0].Rules {
		t.Run(rule.Alert, func(t *testing.T) {
			check(t, rule.Expr, all)
			assert.NotEmpty(t, rule.Annotations["summary"])
			assert.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"])
			file, anchor, _ := strings.Cut(rule.Annotations["runbook_url"], "#")
			assert.Equal(t, "https://github.com/tghook/tghook/blob/main/docs/operating.md", file)
			assert.Equal(t, strings.ToLower(rule.Alert), anchor)
			assert.Contains(t, page, "\n### "+anchor+"\n", "the page does not say what to do")
		})
	}
	assert.Len(t, groups.Groups[0].Rules, strings.Count(page, "\n### tghook"), "alerts that the page has")
}

func TestTheDashboardAsksForWhatIsServed(t *testing.T) {
	all := served(t)
	content, err := os.ReadFile(board)
	require.NoError(t, err)
	runtime := cog.NewRuntime()
	runtime.RegisterDataqueryVariant(graph.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	//lint:ignore SA1019 Grafana still imports this version, and older ones import no other
	var d, strict dashboard.Dashboard //nolint:staticcheck // as above
	if err := strict.UnmarshalJSONStrict(content); err != nil {
		var mistakes cog.BuildErrors // for a panel without a mistake it is an empty list, and not nil
		require.ErrorAs(t, err, &mistakes)
		require.Empty(t, mistakes, "by Grafana's schema")
	}
	require.NoError(t, json.Unmarshal(content, &d))
	require.NoError(t, d.Validate(), "by Grafana's schema")
	variables := strings.NewReplacer("$__rate_interval", "5m", "$bot", ".*")
	used := map[string]bool{}
	for _, p := range d.Panels {
		panel := p.Panel
		require.NotNil(t, panel)
		t.Run(*panel.Title, func(t *testing.T) {
			assert.NotEmpty(t, *panel.Description)
			require.NotEmpty(t, panel.Targets)
			for _, target := range panel.Targets {
				query, ok := target.(*graph.Dataquery)
				require.True(t, ok, "%T", target)
				check(t, variables.Replace(query.Expr), all)
				for _, name := range regexp.MustCompile(`\b(tghook|messaging)_\w+`).FindAllString(query.Expr, -1) {
					used[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] = true
				}
			}
		})
	}
	for name, s := range all {
		if s.kind != "" && strings.Contains(name, "_") && name != "target_info" && ours(name) {
			assert.True(t, used[name], "no panel shows %s", name)
		}
	}
	var fields map[string]any
	require.NoError(t, json.Unmarshal(content, &fields))
	assert.NotContains(t, fields, "id", "Grafana gives a dashboard its id")
	assert.Contains(t, fmt.Sprint(fields["templating"]), "label_values(tghook_deliveries_total, tghook_bot)")
}

// ours reports whether a metric is of oteltghook, and not of the Go runtime.
func ours(name string) bool {
	return strings.HasPrefix(name, "tghook_") || strings.HasPrefix(name, "messaging_")
}
