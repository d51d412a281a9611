{{/* What cannot work together is said before anything is installed. */}}
{{- define "seglam.registry.check" -}}
{{- $registry := .Values.registry -}}
{{- if not $registry.origin }}{{ fail "registry.enabled needs registry.origin: the host name that every pack's name begins with" }}{{ end -}}
{{- if and (eq $registry.signing.mode "keyless") (not $registry.signing.trustConfigMap) }}{{ fail "registry.signing.mode keyless needs registry.signing.trustConfigMap" }}{{ end -}}
{{- if not $registry.database.secretName -}}
{{- if gt (int $registry.replicas) 1 }}{{ fail "registry.replicas above 1 needs PostgreSQL: set registry.database.secretName" }}{{ end -}}
{{- if eq $registry.migrations "Job" }}{{ fail "registry.migrations Job needs PostgreSQL: set registry.database.secretName" }}{{ end -}}
{{- else -}}
{{- if and (eq $registry.signing.mode "key") (not $registry.signing.keySecretName) }}{{ fail "with PostgreSQL the pods share no volume: set registry.signing.keySecretName, or sign keyless" }}{{ end -}}
{{- if not $registry.pages.secretName }}{{ range $registry.issuers }}{{ if .login }}{{ fail "with PostgreSQL the pods share no volume: an issuer with login needs registry.pages.secretName" }}{{ end }}{{ end }}{{ end -}}
{{- if not $registry.index.keysSecretName }}{{ fail "with PostgreSQL the pods share no volume: set registry.index.keysSecretName" }}{{ end -}}
{{- end -}}
{{- range $registry.issuers }}{{ if (.login | default dict).clientSecretKey }}{{ if not $registry.pages.secretName }}{{ fail "login.clientSecretKey of an issuer is a key of registry.pages.secretName; set that" }}{{ end }}{{ end }}{{ end -}}
{{- end }}

{{/* Environment of the registry's containers. */}}
{{- define "seglam.registry.env" -}}
{{- $registry := .Values.registry -}}
- {name: SEGLAM_REGISTRY_ORIGIN, value: {{ $registry.origin | quote }}}
- {name: SEGLAM_REGISTRY_HOST, value: 0.0.0.0}
- {name: SEGLAM_REGISTRY_PORT, value: "8480"}
- {name: SEGLAM_REGISTRY_PUBLIC_URL, value: {{ $registry.publicUrl | default (printf "http://seglam-registry.%s.svc%s" .Release.Namespace (ternary "" (printf ":%v" $registry.service.port) (eq (int $registry.service.port) 80))) | quote }}}
- {name: SEGLAM_REGISTRY_DATA, value: /var/lib/seglam}
{{- with $registry.database.secretName }}
- {name: SEGLAM_REGISTRY_DATABASE, valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $registry.database.secretKey }}}}}
{{- end }}
- {name: SEGLAM_REGISTRY_SIGNING, value: {{ $registry.signing.mode }}}
{{- if eq $registry.signing.mode "keyless" }}
- {name: SEGLAM_REGISTRY_TRUST_FILE, value: /etc/seglam/signing/client_trust_config.json}
- {name: SEGLAM_REGISTRY_TOKEN_FILE, value: /var/run/secrets/seglam/signing/token}
- {name: SEGLAM_REGISTRY_AUDIENCE, value: {{ $registry.signing.audience | quote }}}
{{- else if $registry.signing.keySecretName }}
- {name: SEGLAM_REGISTRY_KEY_FILE, value: /etc/seglam/key/{{ $registry.signing.keySecretKey }}}
{{- end }}
{{- if $registry.index.keysSecretName }}
- {name: SEGLAM_REGISTRY_INDEX_KEYS, value: /etc/seglam/index-keys}
{{- end }}
{{- if $registry.pages.secretName }}
- {name: SEGLAM_REGISTRY_PAGES_KEY_FILE, value: /etc/seglam/pages/session.key}
{{- end }}
- {name: SEGLAM_REGISTRY_ISSUERS_FILE, value: /etc/seglam/registry/issuers.yaml}
- {name: SEGLAM_REGISTRY_ADMINS_FILE, value: /etc/seglam/registry/admins}
- {name: SEGLAM_REGISTRY_CLAIMS, value: {{ $registry.claims }}}
- {name: SEGLAM_REGISTRY_REVIEWS, value: {{ int64 $registry.reviews | quote }}}
- {name: SEGLAM_REGISTRY_REPLICAS, value: {{ int64 $registry.replicas | quote }}}
- {name: SEGLAM_REGISTRY_WORKERS, value: {{ int64 $registry.workers | quote }}}
{{- $origins := list }}
{{- range $registry.mirrorOf }}{{ $origins = append $origins (printf "%s=%s%s" .origin .url (ternary (printf "#%s" .root) "" (not (empty .root)))) }}{{ end }}
{{- with $origins }}
- {name: SEGLAM_REGISTRY_MIRROR_OF, value: {{ join "," . | quote }}}
- {name: SEGLAM_REGISTRY_MIRROR_TRUST_ON_FIRST_USE, value: {{ ternary "1" "0" $registry.mirrorTrustOnFirstUse | quote }}}
- {name: SEGLAM_REGISTRY_MIRROR_ALLOW_PRIVATE, value: {{ ternary "1" "0" $registry.mirrorAllowPrivate | quote }}}
{{- end }}
- {name: SEGLAM_ENGINE_DIR, value: /opt/seglam/engine}
{{- with include "seglam.telemetryEnv" . | trim }}
{{ . }}
{{- end }}
{{- with $registry.env }}
{{ toYaml . }}
{{- end }}
{{- end }}
