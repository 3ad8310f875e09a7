// Package sqs is a bot in two functions of AWS Lambda with a queue of SQS between them. The
// receiver answers Telegram when SQS has kept the update. The worker handles the updates of a
// chat one after the other, and may take a minute for each.
//
// template.yaml has all of it, for the SAM command line of AWS. Put the two secrets into the
// Parameter Store, then build and deploy:
//
//	aws ssm put-parameter --type SecureString --name /tghook/token --value 123456789:AAE...
//	aws ssm put-parameter --type SecureString --name /tghook/secret --value "$(openssl rand -hex 32)"
//	sam build && sam deploy --guided
//
// The output WebhookURL is the address for Telegram. Set it with the same secret:
//
//	tghook set --url https://...lambda-url.us-east-2.on.aws/
//
// The receiver knows the secret and may send to the queue. It does not know the token. The
// worker knows the token, and may receive from the queue.
//
// SQS remembers an update for five minutes. If Telegram delivers one again after that, the
// worker handles it twice, unless its DispatchConfig has a Store.
package sqs

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Secret returns the value of a SecureString in the Parameter Store. Its name is in an
// environment variable.
func Secret(ctx context.Context, cfg aws.Config, variable string) (string, error) {
	name := os.Getenv(variable)
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("the parameter %q, which %s names: %w", name, variable, err)
	}
	return aws.ToString(out.Parameter.Value), nil
}
