package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	Time    string     `xml:"time,attr"`
	Failure *junitText `xml:"failure,omitempty"`
	Skipped *junitText `xml:"skipped,omitempty"`
	Output  string     `xml:"system-out,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the results as a JUnit report. A fault is a failure, what could not be
// seen is skipped, and advice is the output of a case that passes.
func WriteJUnit(w io.Writer, url string, results []Result) error {
	suite := junitSuite{Name: "tghook check " + url, Tests: len(results)}
	var took time.Duration
	for _, r := range results {
		c := junitCase{Class: "tghook.check", Name: r.Sentence, Time: seconds(r.Took), Output: r.Evidence}
		switch r.Verdict {
		case Fault:
			suite.Failures++
			c.Failure = &junitText{Message: r.Evidence, Type: string(r.Harm), Text: r.Mend}
		case Unknown, Untried:
			suite.Skipped++
			c.Skipped = &junitText{Message: r.Evidence}
		case Advice:
			c.Output = "advice: " + r.Evidence + ". " + r.Mend
		case OK:
		}
		took += r.Took
		suite.Cases = append(suite.Cases, c)
	}
	suite.Time = seconds(took)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
