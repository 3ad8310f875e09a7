package telemetry

import (
	"errors"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/resource"
	"golang.org/x/time/rate"
)

// faults logs the errors of OpenTelemetry: one a minute, without secrets.
type faults struct {
	logger *slog.Logger
	hide   *strings.Replacer // secrets of the environment
	often  rate.Sometimes
}

func newFaults(logger *slog.Logger) *faults {
	if logger == nil {
		logger = slog.Default()
	}
	return &faults{logger: logger, hide: strings.NewReplacer(secrets()...), often: rate.Sometimes{Interval: time.Minute}}
}

// secrets returns what a collector may repeat of the requests that it gets, each with its
// replacement: the words in the values of headers, and the paths of endpoints.
func secrets() (pairs []string) {
	for _, signal := range []string{"", "METRICS_", "TRACES_"} {
		for header := range strings.SplitSeq(os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"HEADERS"), ",") {
			_, value, _ := strings.Cut(header, "=")
			forms := []string{value}
			if plain, err := url.PathUnescape(value); err == nil {
				forms = append(forms, plain)
			}
			for word := range strings.FieldsSeq(strings.Join(forms, " ")) {
				pairs = append(pairs, word, "…")
			}
		}
		u, err := url.Parse(os.Getenv("OTEL_EXPORTER_OTLP_" + signal + "ENDPOINT"))
		if err == nil && len(u.Path) > 1 {
			pairs = append(pairs, u.Path, "/…")
		}
	}
	return pairs
}

// install makes OpenTelemetry report its errors here.
func (f *faults) install() {
	otel.SetErrorHandler(f)
	otel.SetLogger(logr.New(sink{f}))
}

// Handle logs an error. It implements [otel.ErrorHandler].
func (f *faults) Handle(err error) {
	if err != nil {
		f.report(f.text(err))
	}
}

// Println logs an error of /metrics. It is the logger of promhttp.
func (f *faults) Println(values ...any) {
	for _, value := range values {
		if err, ok := value.(error); ok {
			f.Handle(err)
		}
	}
}

func (f *faults) report(text string) {
	f.often.Do(func() {
		f.logger.Warn("metrics or traces are incomplete; this is logged at most once a minute", slog.String("error", text))
	})
}

// plain returns an error with the text of err, without secrets; nil if err is nil.
func (f *faults) plain(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(f.text(err))
}

var address = regexp.MustCompile(`\w+://[^\s"]+`)

// text returns the text of an error without addresses, which may have a password or a key in
// them, and without the values of headers.
func (f *faults) text(err error) string {
	const most = 300
	if errors.Is(err, resource.ErrPartialResource) {
		return "OTEL_RESOURCE_ATTRIBUTES cannot be read; write it as key=value,key=value"
	}
	text := err.Error()
	if failed := (*url.Error)(nil); errors.As(err, &failed) && failed.Op != "parse" {
		text = "the collector cannot be reached: " + failed.Err.Error()
	}
	text = f.hide.Replace(address.ReplaceAllString(text, "the collector"))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// sink is where the parts of OpenTelemetry log. Their values are left out: they may be those of
// variables with secrets.
type sink struct{ faults *faults }

func (sink) Init(logr.RuntimeInfo)               {}
func (sink) Enabled(int) bool                    { return false }
func (sink) Info(int, string, ...any)            {}
func (s sink) WithValues(...any) logr.LogSink    { return s }
func (s sink) WithName(string) logr.LogSink      { return s }
func (s sink) Error(_ error, m string, _ ...any) { s.faults.report("OpenTelemetry: " + m) }
