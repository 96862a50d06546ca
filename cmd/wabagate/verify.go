package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wabagate/cmd/wabagate/complete"
	"wabagate/cmd/wabagate/verify"
	"wabagate/fanout/dialect"
)

// notJudged is the exit status of a request that could not be judged: 1 says that it is not valid.
const notJudged = 2

func verifyCommand() *cobra.Command {
	var (
		q                     verify.Question
		request, body, moment string
		headers               []string
		asJSON                bool
	)
	cmd := &cobra.Command{
		Use:   "verify --secret SECRET {--request FILE | --header 'Name: value'… --body FILE}",
		Short: "Check the signature of a request that a receiver got, and say what is wrong",
		Long: `Judges the signatures of a request as a receiver that holds the secret would. Where one does not verify it looks for the mistake: a
wrong secret or one decoded the wrong way, a body that was parsed and written again, cut or lengthened, another encoding, a clock, a
header that is missing or belongs to another dialect, another secret of those given, another message.

The request is a dump of what came (headers, an empty line, the body), or headers and a body given one by one; - is the standard
input. The first --secret is the one that the receiver has; give those from before or after a rotation too.

Exits with 0 when it is valid, 1 when it is not, and 2 when it cannot be judged.`,
		Example: `  wabagate verify --secret whsec_… --request request.txt
  wabagate verify --secret whsec_… --dialect twabot --header 'X-TwaBot-Signature: 5d41…' --body body.json
  pbpaste | wabagate verify --secret whsec_new… --secret whsec_old… --request - --at 2026-11-20T10:00:00Z`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := fillQuestion(&q, cmd.InOrStdin(), request, body, moment, headers)
			if err != nil {
				return exitError{notJudged, err}
			}
			r := verify.Judge(q)
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			} else {
				err = r.Print(cmd.OutOrStdout())
			}
			if err == nil && !r.Valid {
				err = errSaid
			}
			return err
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exitError{notJudged, err} })
	f := cmd.Flags()
	f.StringArrayVar(&q.Secrets, "secret", nil, "secret of the webhook; repeatable, the one that the receiver has first (required)")
	f.StringVar(&q.Dialect, "dialect", "", "dialect of the webhook: "+strings.Join(dialect.Names(), ", ")+" (default: every signature that the request carries is judged)")
	f.StringVar(&request, "request", "", "file of the whole request: headers, an empty line, the body; - for the standard input")
	f.StringArrayVar(&headers, "header", nil, "a header, 'Name: value'; repeatable")
	f.StringVar(&body, "body", "", "file of the body, byte for byte; - for the standard input")
	f.StringVar(&moment, "at", "", "when the request came, such as 2026-11-20T10:00:00Z (default: now)")
	f.BoolVar(&asJSON, "json", false, "print the judgement as JSON")
	complete.Flag(cmd, "dialect", complete.Dialects)
	for _, name := range []string{"secret", "header", "at"} {
		complete.Flag(cmd, name, complete.Nothing)
	}
	return cmd
}

// fillQuestion reads what is to be judged.
func fillQuestion(q *verify.Question, stdin io.Reader, request, body, moment string, headers []string) error {
	switch {
	case len(q.Secrets) == 0 || q.Secrets[0] == "":
		return errors.New("which secret? Give that of the webhook with --secret: it is on the webhook's page, under Signing, and wabagate listen prints the one it signs with")
	case request == "" && body == "":
		return errors.New("which request? Give a dump of it with --request FILE, or its headers with --header and its body with --body FILE (- is the standard input)")
	case request == "-" && body == "-":
		return errors.New("--request and --body cannot both be the standard input")
	}
	if _, ok := dialect.Lookup(q.Dialect); !ok && q.Dialect != "" {
		return fmt.Errorf("--dialect %q is none: there are %s", q.Dialect, strings.Join(dialect.Names(), ", "))
	}
	q.At = time.Now()
	if moment != "" {
		var err error
		if q.At, err = time.Parse(time.RFC3339, moment); err != nil {
			return fmt.Errorf("--at %q is no moment: expected one such as 2026-11-20T10:00:00Z", moment)
		}
	}
	var err error
	q.Request.Length = -1
	if request != "" {
		dump, err := readInput(stdin, request, "--request")
		if err != nil {
			return err
		}
		if q.Request, err = verify.ReadRequest(dump); err != nil {
			return fmt.Errorf("--request: %w", err)
		}
	}
	if body != "" {
		if q.Request.Body, err = readInput(stdin, body, "--body"); err != nil {
			return err
		}
	}
	if err := q.Request.AddHeaders(headers); err != nil {
		return fmt.Errorf("--header: %w", err)
	}
	return nil
}

// mostInput is more than any request that the gateway makes.
const mostInput = 32 << 20

// readInput reads a file, or the standard input.
func readInput(stdin io.Reader, path, flag string) ([]byte, error) {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, mostInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", flag, err)
	case len(text) > mostInput:
		return nil, fmt.Errorf("%s: more than %d MB: no request of the gateway is so large", flag, mostInput>>20)
	}
	return text, nil
}
