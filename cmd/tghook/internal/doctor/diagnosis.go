package doctor

import (
	"slices"
)

// A diagnosis is a fault that the doctor knows.
type diagnosis struct {
	name     string
	question string // a healthy webhook answers it with yes
	probe    string // how the doctor knows
	sentence string // the fault
	mend     string
	advice   bool // it is worth knowing, and no fault
	// find returns the evidence, one line each. It returns none if the fault is not there.
	find func(x *exam) []string
}

// table returns all diagnoses, in the order in which a report has them.
func table() []diagnosis {
	return slices.Concat(addressTable, certificateTable, answerTable, connectionTable, telegramTable)
}

// Finding is a fault that was found.
type Finding struct {
	Diagnosis string   `json:"diagnosis"`
	Advice    bool     `json:"advice"` // worth knowing, and no fault
	Question  string   `json:"question"`
	Sentence  string   `json:"sentence"`
	Evidence  []string `json:"evidence"`
	Mend      string   `json:"mend"`
}

// Knowledge describes one diagnosis.
type Knowledge struct {
	Diagnosis string `json:"diagnosis"`
	Question  string `json:"question"`
	Probe     string `json:"probe"`
	Sentence  string `json:"sentence"`
	Mend      string `json:"mend"`
	Advice    bool   `json:"advice"`
}

// Table describes all diagnoses.
func Table() []Knowledge {
	rows := table()
	all := make([]Knowledge, 0, len(rows))
	for _, d := range rows {
		all = append(all, Knowledge{d.name, d.question, d.probe, d.sentence, d.mend, d.advice})
	}
	return all
}

// diagnose returns the findings, the faults first.
func (x *exam) diagnose() []Finding {
	findings := []Finding{}
	for _, d := range table() {
		if evidence := d.find(x); len(evidence) > 0 {
			for i := range evidence {
				evidence[i] = x.clean(evidence[i])
			}
			findings = append(findings, Finding{d.name, d.advice, d.question, d.sentence, evidence, d.mend})
		}
	}
	if f, ok := x.unexplained(findings); ok {
		findings = append(findings, f)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return truth(a.Advice) - truth(b.Advice) })
	return findings
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// when returns the evidence if the fault is there.
func when(fault bool, evidence ...string) []string {
	if !fault {
		return nil
	}
	return evidence
}

// seen returns an answer as evidence, with what getWebhookInfo says of such an answer.
func (a *answer) seen() []string {
	lines := []string{a.String()}
	if text := a.recorded(); text != "" {
		lines = append(lines, "getWebhookInfo says: "+text)
	}
	return lines
}
