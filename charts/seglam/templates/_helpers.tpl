{{/* Labels of an object. Takes a dict: root, component (may be empty). */}}
{{- define "seglam.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: seglam
{{ include "seglam.selector" . }}
{{- end }}

{{/* Labels by which a component's pods are selected; they never change. */}}
{{- define "seglam.selector" -}}
app.kubernetes.io/name: seglam
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* Reference of an image. Takes a dict: root, image. */}}
{{- define "seglam.image" -}}
{{- if .image.digest -}}
{{ printf "%s@%s" .image.repository .image.digest }}
{{- else -}}
{{ printf "%s:%s" .image.repository (.image.tag | default .root.Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{/* User names as the API server knows them. */}}
{{- define "seglam.operatorUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:seglam-operator
{{- end }}
{{- define "seglam.gatewayUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:seglam-gateway
{{- end }}

{{/* What the restricted profile of pod security asks of a pod, and of a container. */}}
{{- define "seglam.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "seglam.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where a component's pods run. Takes a dict: root, component, values. */}}
{{- define "seglam.scheduling" -}}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.topologySpreadConstraints }}
topologySpreadConstraints:
{{- range .values.topologySpreadConstraints }}
  - labelSelector:
      matchLabels: {{- include "seglam.selector" $ | nindent 8 }}
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Addresses and ports of the API server as a dict: cidrs, ports, guessed. As text, since templates return text. */}}
{{- define "seglam.apiServer" -}}
{{- $cidrs := .Values.apiServer.cidrs }}
{{- $ports := .Values.apiServer.ports }}
{{- $guessed := false }}
{{- if not (and $cidrs $ports) }}
{{- $slice := lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes" }}
{{- $service := lookup "v1" "Service" "default" "kubernetes" }}
{{- if and $slice $service }}
{{- $foundCidrs := list }}
{{- $foundPorts := list }}
{{- range $slice.endpoints }}{{- range .addresses }}
{{- $foundCidrs = append $foundCidrs (printf "%s/%s" . (ternary "128" "32" (contains ":" .))) }}
{{- end }}{{- end }}
{{- range $slice.ports }}{{ $foundPorts = append $foundPorts (int .port) }}{{- end }}
{{- range (default (list $service.spec.clusterIP) $service.spec.clusterIPs) }}
{{- $foundCidrs = append $foundCidrs (printf "%s/%s" . (ternary "128" "32" (contains ":" .))) }}
{{- end }}
{{- range $service.spec.ports }}{{ $foundPorts = append $foundPorts (int .port) }}{{- end }}
{{- $cidrs = $cidrs | default (uniq $foundCidrs) }}
{{- $ports = $ports | default (uniq $foundPorts) }}
{{- else }}
{{- $guessed = true }}
{{- $cidrs = $cidrs | default (list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" "fc00::/7") }}
{{- $ports = $ports | default (list 443 6443) }}
{{- end }}
{{- end }}
{{- dict "cidrs" $cidrs "ports" $ports "guessed" $guessed | toJson }}
{{- end }}

{{/* An egress rule to the API server. */}}
{{- define "seglam.apiServerEgress" -}}
{{- $api := include "seglam.apiServer" . | fromJson -}}
- to:
  {{- range $api.cidrs }}
  - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
  ports:
  {{- range $api.ports }}
  - {protocol: TCP, port: {{ int . }}}
  {{- end }}
{{- end }}

{{/* An egress rule for names. Wherever the resolver is: it may be a pod, a process of the node or of another host. */}}
{{- define "seglam.dnsEgress" -}}
- ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
{{- end }}

{{/* Variables of a container that exports what it records. */}}
{{- define "seglam.telemetryEnv" -}}
{{- with .Values.telemetry }}
{{- if .endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: OTEL_TRACES_SAMPLER, value: {{ .sampler | quote }}}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ .ratio | quote }}}
{{- if .values }}
- {name: SEGLAM_TELEMETRY_VALUES, value: "1"}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Egress rules to the collector and for its name. */}}
{{- define "seglam.telemetryEgress" -}}
{{- if .Values.telemetry.endpoint }}
- to:
  {{- range default (list "0.0.0.0/0" "::/0") .Values.telemetry.cidrs }}
  - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
  ports:
  - {protocol: TCP, port: {{ int .Values.telemetry.port }}}
{{ include "seglam.dnsEgress" . }}
{{- end }}
{{- end }}

{{/* Version of the policy that stamps authors; empty where it is not installed. Without a cluster its kinds are not
known, only its version: 1.36 serves the policy, unless somebody turned it off. */}}
{{- define "seglam.stampVersion" -}}
{{- $group := "admissionregistration.k8s.io" -}}
{{- $connected := .Capabilities.APIVersions.Has "v1/Namespace" -}}
{{- if eq .Values.admission.stamp "never" -}}
{{- else if .Capabilities.APIVersions.Has (print $group "/v1/MutatingAdmissionPolicy") -}}{{ $group }}/v1
{{- else if .Capabilities.APIVersions.Has (print $group "/v1beta1/MutatingAdmissionPolicy") -}}{{ $group }}/v1beta1
{{- else if eq .Values.admission.stamp "always" -}}{{ $group }}/v1
{{- else if and (not $connected) (semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version) -}}{{ $group }}/v1
{{- end -}}
{{- end }}

{{/* CEL: whether the request is the operator's. */}}
{{- define "seglam.cel.operator" -}}
request.userInfo.username == '{{ include "seglam.operatorUser" . }}'
{{- end }}

{{/*
CEL: whether the request is a backup tool's. The verb has to be granted by its name: whoever is allowed a verb that
does not exist is allowed everything, by a wildcard, and nobody meant that to include this.
*/}}
{{- define "seglam.cel.restorer" -}}
{{- $named := list }}
{{- range .Values.admission.restorers }}{{ $named = append $named (printf "'%s'" .) }}{{ end -}}
{{- if $named }}request.userInfo.username in [{{ join ", " $named }}] || {{ end -}}
(authorizer.group('seglam.dev').resource('reasoningprocedures').namespace(request.?namespace.orValue('')).check('restore').allowed() && !authorizer.group('seglam.dev').resource('reasoningprocedures').namespace(request.?namespace.orValue('')).check('any-verb-at-all').allowed())
{{- end }}

{{/* CEL: authors as the object states them, as it stated them before, and as they must be. */}}
{{- define "seglam.cel.authors" -}}
- name: stated
  expression: "object.?metadata.?annotations['seglam.dev/authors'].orValue('')"
- name: kept
  expression: "oldObject == null ? '' : oldObject.?metadata.?annotations['seglam.dev/authors'].orValue('')"
- name: changed
  expression: "oldObject == null || object.spec != oldObject.spec"
- name: expected
  expression: >-
    !variables.changed || request.userInfo.username in variables.kept.split('\n') ? variables.kept
    : (variables.kept == '' ? '' : variables.kept + '\n') + request.userInfo.username
{{- end }}

{{/* Annotations of what runs once after the release is gone. Takes the weight, by which it is ordered. */}}
{{- define "seglam.uninstallHook" -}}
annotations:
  helm.sh/hook: post-delete
  helm.sh/hook-weight: {{ . | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
