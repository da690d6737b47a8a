{{- define "trifold.name" -}}
{{- printf "%s-trifold" .Release.Name | trunc 32 | trimSuffix "-" -}}
{{- end }}

{{- define "trifold.labels" -}}
app.kubernetes.io/name: trifold
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "trifold.selector" -}}
app.kubernetes.io/name: trifold
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "trifold.image" -}}
{{- printf "%s/trifold-%s:%s" .root.Values.images.registry .image (.root.Values.images.tag | default .root.Chart.AppVersion) -}}
{{- end }}

{{/* The pod of a process. Takes root, image, part (its settings), component, variable (that has its name) and programs. */}}
{{- define "trifold.pod" -}}
metadata:
  labels:
    {{- include "trifold.selector" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
  annotations:
    # A changed configuration is a reason to start again.
    checksum/config: {{ .root.Values.config | sha256sum }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .part.terminationGracePeriodSeconds | default 60 }}
  {{- with .root.Values.images.pullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .part.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .part.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  initContainers:
    # A pod gets the credentials of its own name, readable by its own user alone; a secret file that others may read is
    # refused.
    - name: credentials
      image: {{ include "trifold.image" (dict "root" .root "image" "setup") }}
      imagePullPolicy: {{ .root.Values.images.pullPolicy }}
      command: [sh, -ec]
      args:
        - |
          for file in nkey.seed cert.pem key.pem; do
            install -m 600 "/credentials/$POD.$file" "/role/$file"
          done
          install -m 600 /credentials/ca.pem /role/ca.pem
      env:
        - name: POD
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
      securityContext: &container
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      resources:
        requests: { cpu: 10m, memory: 16Mi }
        limits: { memory: 64Mi }
      volumeMounts:
        - { name: credentials, mountPath: /credentials, readOnly: true }
        - { name: role, mountPath: /role }
  containers:
    - name: {{ .component }}
      image: {{ include "trifold.image" (dict "root" .root "image" .image) }}
      imagePullPolicy: {{ .root.Values.images.pullPolicy }}
      env:
        - name: {{ .variable }}
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
        - { name: TRIFOLD_CONFIG, value: /etc/trifold/farm.toml }
        - { name: TRIFOLD_GENESIS, value: /etc/trifold/network/genesis.json }
        - { name: TRIFOLD_LISTEN, value: "0.0.0.0:9464" }
        - { name: TRIFOLD_NATS_NKEY, value: /role/nkey.seed }
        - { name: TRIFOLD_NATS_CA, value: /role/ca.pem }
        - { name: TRIFOLD_NATS_CERT, value: /role/cert.pem }
        - { name: TRIFOLD_NATS_KEY, value: /role/key.pem }
        {{- if .programs }}
        - name: TRIFOLD_PROGRAM
          value: {{ range $place, $program := .programs }}{{ if $place }},{{ end }}/programs/{{ $program.name }}{{ end }}
        {{- end }}
        {{- with .part.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - { name: http, containerPort: 9464 }
      # Keys are loaded and a self-test proof is made before a process is ready.
      startupProbe:
        httpGet: { path: /livez, port: http }
        periodSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /livez, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: http }
        periodSeconds: 5
        timeoutSeconds: 5
      securityContext: *container
      resources: {{ toYaml (.part.resources | default dict) | nindent 8 }}
      volumeMounts:
        - { name: cache, mountPath: /cache }
        - { name: config, mountPath: /etc/trifold/farm.toml, subPath: farm.toml, readOnly: true }
        - { name: network, mountPath: /etc/trifold/network, readOnly: true }
        - { name: role, mountPath: /role, readOnly: true }
        - { name: tmp, mountPath: /tmp }
        {{- range .programs }}
        - { name: program-{{ .name }}, mountPath: /programs/{{ .name }}, readOnly: true }
        {{- end }}
  volumes:
    - name: cache
      persistentVolumeClaim: { claimName: {{ .root.Values.cache.claim }} }
    - name: config
      configMap: { name: {{ include "trifold.name" .root }} }
    - name: network
      configMap: { name: {{ .root.Values.genesis.configMap }} }
    - name: credentials
      secret: { secretName: {{ .root.Values.nats.secret }}, defaultMode: 0440 }
    - name: role
      emptyDir: { medium: Memory, sizeLimit: 1Mi }
    - name: tmp
      emptyDir: { sizeLimit: 1Gi }
    {{- range .programs }}
    - name: program-{{ .name }}
      configMap: { name: {{ .configMap }} }
    {{- end }}
{{- end }}
