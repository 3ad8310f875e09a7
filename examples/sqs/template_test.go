package sqs_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type statement struct {
	Effect   string
	Action   actions
	Resource string
}

// actions are one action or several.
type actions []string

func (a *actions) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = actions{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

type resource struct {
	Type       string
	Properties struct {
		FifoQueue                                      bool
		VisibilityTimeout, Timeout, MaximumMessageSize int
		RedrivePolicy                                  struct {
			DeadLetterTargetArn string
			MaxReceiveCount     int
		}
		Role        string
		Environment struct{ Variables map[string]string }
		Policies    []struct {
			PolicyDocument struct{ Statement []statement }
		}
		Events map[string]struct {
			Type       string
			Properties struct {
				Queue                 string
				BatchSize             int
				FunctionResponseTypes []string
			}
		}
	}
}

// The functions may do what they need, and no more.
func TestTemplate(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("template.yaml")
	require.NoError(t, err)
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal(text, &tree))
	text, err = json.Marshal(tree)
	require.NoError(t, err)
	var template struct{ Resources map[string]resource }
	require.NoError(t, json.Unmarshal(text, &template)) //nolint:musttag // the names are those of the file
	r := template.Resources
	allowed := func(role string) (all []string) {
		require.Len(t, r[role].Properties.Policies, 1)
		for _, s := range r[role].Properties.Policies[0].PolicyDocument.Statement {
			require.Equal(t, "Allow", s.Effect)
			for _, action := range s.Action {
				all = append(all, action+" "+s.Resource)
			}
		}
		slices.Sort(all)
		return all
	}
	const parameter = "ssm:GetParameter arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
	require.Equal(t, []string{
		"logs:CreateLogStream ReceiverLog.Arn", "logs:PutLogEvents ReceiverLog.Arn", "sqs:SendMessage Updates.Arn", parameter + "${SecretParameter}",
	}, allowed("ReceiverRole"))
	require.Equal(t, []string{
		"logs:CreateLogStream WorkerLog.Arn", "logs:PutLogEvents WorkerLog.Arn", "sqs:ChangeMessageVisibility Updates.Arn", "sqs:DeleteMessage Updates.Arn",
		"sqs:GetQueueAttributes Updates.Arn", "sqs:ReceiveMessage Updates.Arn", parameter + "${StoreParameter}", parameter + "${TokenParameter}",
	}, allowed("WorkerRole"))
	require.Equal(t, "ReceiverRole.Arn", r["Receiver"].Properties.Role, "a role that SAM makes may read all queues")
	require.Equal(t, "WorkerRole.Arn", r["Worker"].Properties.Role)

	for _, name := range []string{"Updates", "DeadLetters"} {
		require.True(t, r[name].Properties.FifoQueue)
		require.Equal(t, 1<<20, r[name].Properties.MaximumMessageSize)
	}
	require.Equal(t, "DeadLetters.Arn", r["Updates"].Properties.RedrivePolicy.DeadLetterTargetArn)
	require.Equal(t, 2*60*60, r["Updates"].Properties.RedrivePolicy.MaxReceiveCount*r["Updates"].Properties.VisibilityTimeout, "as README.md says")
	require.Equal(t, 6*r["Worker"].Properties.Timeout, r["Updates"].Properties.VisibilityTimeout)
	trigger := r["Worker"].Properties.Events["Updates"]
	require.Equal(t, "Updates.Arn", trigger.Properties.Queue)
	require.Equal(t, 1, trigger.Properties.BatchSize)
	require.Equal(t, []string{"ReportBatchItemFailures"}, trigger.Properties.FunctionResponseTypes)
	for _, function := range []string{"Receiver", "Worker"} {
		for name := range r[function].Properties.Environment.Variables {
			require.Contains(t, []string{"BOT_ID", "QUEUE_URL", "SECRET_PARAMETER", "STORE_PARAMETER", "TOKEN_PARAMETER"}, name, "no secret is a variable")
		}
	}
}
