package metrics

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/record"
)

// stepShown is a step as "7", or as "3, 120" for iteration 120 of epoch 3.
func stepShown(step int64) string {
	if step >= record.EpochStride {
		return fmt.Sprintf("%d, %d", step/record.EpochStride, step%record.EpochStride)
	}
	return fmt.Sprint(step)
}

// show writes series as "name@step=text", and volatile ones as "~name", in order.
func show(series []record.Series) string {
	var out []string
	for _, s := range series {
		if s.Volatile != "" {
			out = append(out, "~"+s.Name)
			continue
		}
		for _, p := range s.Points {
			out = append(out, fmt.Sprintf("%s@%s=%s", s.Name, stepShown(p.Step), p.Text))
		}
	}
	return strings.Join(out, "\n")
}

func read(t *testing.T, text string, patterns ...*regexp.Regexp) []record.Series {
	t.Helper()
	series, err := Read(strings.NewReader(text), Options{Regex: patterns})
	if err != nil {
		t.Fatal(err)
	}
	return series
}

// Lines as the tools print them.
func TestReadRealLines(t *testing.T) {
	tests := map[string]struct {
		in   string
		want []string
	}{
		"key=value":            {"epoch=3 loss=0.53 acc=0.9\n", []string{"loss@3=0.53", "acc@3=0.9"}},
		"key: value":           {"step: 10, loss: 0.5\n", []string{"loss@10=0.5"}},
		"name value":           {"epoch 3 loss 0.53\n", []string{"loss@3=0.53"}},
		"percent":              {"Test accuracy 97.2%\n", []string{"Test accuracy@0=97.2%"}},
		"is":                   {"Final loss is 1e-3.\n", []string{"Final loss@0=1e-3"}},
		"number alone":         {"0.25\n0.125\n", []string{"value@0=0.25", "value@1=0.125"}},
		"vector":               {"weights [0.5, -1.5]\n", []string{"weights@0=0.5", "weights[1]@0=-1.5"}},
		"list of integers":     {"[3, 1, 2]\n", []string{"value@0=3", "value[1]@0=1", "value[2]@0=2"}},
		"tensor":               {"loss: tensor(0.3456, grad_fn=<NllLossBackward0>)\n", []string{"loss@0=0.3456"}},
		"tensor on a device":   {"loss tensor(0.5, device='cuda:0')\n", []string{"loss@0=0.5"}},
		"device":               {"Using device cuda:0\n", nil},
		"nan and inf":          {"loss nan\nloss=inf\nloss: -inf\nloss: -0.0\n", []string{"loss@0=nan", "loss@1=inf", "loss@2=-inf", "loss@3=-0.0"}},
		"nan in prose":         {"NaN was not seen, more info later\n", nil},
		"pytorch mnist train":  {"Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.300000\n", []string{"Loss@1, 640=2.300000"}},
		"pytorch mnist test":   {"\nTest set: Average loss: 0.0263, Accuracy: 9913/10000 (99%)\n\n", []string{"Average loss@0=0.0263", "Accuracy@0=9913/10000", "Accuracy[1]@0=99%"}},
		"pytorch cifar":        {"[1,  2000] loss: 2.193\n", []string{"loss@1, 2000=2.193"}},
		"mean and spread":      {"AUC=0.91±0.02 f1 0.5+/-.25\nit took 5.1±0.2ms\nscore 0.7 +- 0.1\n", []string{"AUC@0=0.91", "±@0=0.02", "f1@0=0.5", "f1[1]@0=.25", "~it took", "~±", "score@0=0.7", "score[1]@0=0.1"}},
		"ratio of counts":      {"120/1000 correct\n[ 7 / 9 ] solved in 3.2 s\n12/100 [00:01<00:09]\n", []string{"correct@0=120/1000", "solved@0=7 / 9", "~solved in", "~a time or duration"}},
		"pytorch quickstart":   {"Epoch 2\n-------------------------------\nloss: 2.303494  [   64/60000]\nTest Error: \n Accuracy: 50.9%, Avg loss: 2.156 \n", []string{"loss@2, 64=2.303494", "Accuracy@0=50.9%", "Avg loss@0=2.156"}},
		"range of thresholds":  {"mAP@0.5:0.95: 0.37 mAP@0.5: 0.5 AP@.5:.05:.95=0.25 Acc@1:0.75\n", []string{"mAP@0.5:0.95@0=0.37", "mAP@0.5@0=0.5", "AP@.5:.05:.95@0=0.25", "Acc@1@0=0.75"}},
		"imagenet example":     {"Epoch: [0][ 10/5005]\tTime  0.234 ( 0.345)\tLoss 6.9e+00 (7.0e+00)\tAcc@1   0.00 (  0.12)\n", []string{"~Time", "~Time[1]", "Loss@10=6.9e+00", "Loss[1]@10=7.0e+00", "Acc@1@10=0.00", "Acc@1[1]@10=0.12"}},
		"word language model":  {"| epoch   1 |   200/ 2983 batches | lr 20.00 | ms/batch 12.34 | loss  7.64 | ppl  2080.36\n", []string{"lr@1, 200=20.00", "~ms/batch", "loss@1, 200=7.64", "ppl@1, 200=2080.36"}},
		"end of epoch":         {"| end of epoch   1 | time:  5.00s | valid loss  5.10 | valid ppl   164.50\n", []string{"~time", "valid loss@1=5.10", "valid ppl@1=164.50"}},
		"dcgan":                {"[0/5][50/1583] Loss_D: 0.3 Loss_G: 1.2 D(x): 0.7 D(G(z)): 0.3 / 0.2\n", []string{"Loss_D@50=0.3", "Loss_G@50=1.2", "D(x)@50=0.7", "D(G(z))@50=0.3", "D(G(z))[1]@50=0.2"}},
		"yunjey":               {"Epoch [1/5], Step [100/600], Loss: 0.3\n", []string{"Loss@1, 100=0.3"}},
		"char rnn":             {"5000 5% (0m 8s) 2.7 Name / Language\n", []string{"value@0=5000", "value[1]@0=5%", "~a time or duration", "value[2]@0=2.7"}},
		"nanogpt":              {"step 0: train loss 4.1676, val loss 4.1649\niter 10: loss 3.2, time 23.45ms, mfu 3.10%\n", []string{"train loss@0=4.1676", "val loss@0=4.1649", "loss@10=3.2", "~time", "~mfu"}},
		"hugging face":         {"{'loss': 0.6, 'grad_norm': 1.5, 'learning_rate': 4.5e-05, 'epoch': 0.53}\n", []string{"loss@0=0.6", "grad_norm@0=1.5", "learning_rate@0=4.5e-05"}},
		"hugging face strings": {"{'loss': '0.6', 'epoch': '1'}\n", []string{"loss@1=0.6"}},
		"hugging face end":     {"{'train_runtime': 10.5, 'train_samples_per_second': 9.5, 'train_loss': 0.25, 'epoch': 3.0}\n", []string{"~train_runtime", "~train_samples_per_second", "train_loss@0=0.25"}},
		"numpy 2 scalars":      {"{'loss': np.float64(0.5), 'n': np.int64(3)}\n", []string{"loss@0=0.5", "n@0=3"}},
		"json line":            {`{"step": 3, "train": {"loss": 0.5, "done": true}, "note": "x 9"}` + "\n", []string{"train/loss@3=0.5"}},
		"json after a prefix":  {`INFO metrics {"step": 3, "loss": NaN}` + "\n", []string{"loss@3=NaN"}},
		"broken json":          {`{"step": 3, "loss": 0.5, "x": }` + "\n", []string{"loss@3=0.5"}},
		"keras":                {"Epoch 2/3\n10/10 - 1s - 5ms/step - loss: 0.3 - accuracy: 0.9\n", []string{"~a time or duration", "loss@2=0.3", "accuracy@2=0.9"}},
		"keras bar":            {"Epoch 1/3\n\x1b[1m 1/10\x1b[0m \x1b[37m━━━━\x1b[0m \x1b[1m1s\x1b[0m 99ms/step - loss: 0.9\r\x1b[1m10/10\x1b[0m \x1b[32m━━━━\x1b[0m \x1b[1m0s\x1b[0m 5ms/step - loss: 0.3\n", []string{"~a time or duration", "loss@1=0.3"}},
		"tqdm":                 {"Epoch 1:  12%|█▏        | 12/100 [00:01<00:09,  9.1it/s, loss=0.9]\rEpoch 1: 100%|██████████| 100/100 [00:10<00:00,  9.1it/s, loss=0.3]\n", []string{"~a time or duration", "~a throughput", "loss@1=0.3"}},
		"tqdm without total":   {"12it [00:01,  9.1it/s, loss=0.3]\n", []string{"~a time or duration", "~a throughput", "loss@12=0.3"}},
		"xgboost":              {"[0]\ttrain-rmse:0.10000\teval-rmse:0.20000\n[1]\ttrain-rmse:0.05000\teval-rmse:0.15000\n", []string{"train-rmse@0=0.10000", "train-rmse@1=0.05000", "eval-rmse@0=0.20000", "eval-rmse@1=0.15000"}},
		"lightgbm":             {"[10]\ttraining's l2: 0.23\tvalid_1's l2: 0.3\n", []string{"training's l2@10=0.23", "valid_1's l2@10=0.3"}},
		"sklearn mlp":          {"Iteration 1, loss = 0.69314718\n", []string{"loss@1=0.69314718"}},
		"sklearn sgd":          {"-- Epoch 1\nNorm: 1.23, NNZs: 4, Bias: -0.1, T: 100, Avg. loss: 0.3\nTotal training time: 0.01 seconds.\n", []string{"Norm@0=1.23", "NNZs@0=4", "Bias@0=-0.1", "T@0=100", "Avg. loss@0=0.3", "~Total training time"}},
		"lbfgs":                {"At iterate    1    f=  1.2D+00    |proj g|=  2.3D-01\n", []string{"f@1=1.2D+00", "proj g@1=2.3D-01"}},
		"lightning table":      {"│         test_acc          │    0.9712      │\n", []string{"test_acc@0=0.9712"}},
		"logging":              {"2026-11-23 16:04:11,123 - INFO - epoch 3 - loss 0.5\n", []string{"~a date or time stamp", "loss@3=0.5"}},
		"root logger":          {"INFO:root:loss=0.25\n", []string{"loss@0=0.25"}},
		"glog":                 {"I1123 16:04:11.123456 12345 train.py:31] loss 0.3\n", []string{"~a date or time stamp", "loss@0=0.3"}},
		"detectron":            {"[11/23 16:04:11 d2.utils.events]: eta: 0:12:33  iter: 19  total_loss: 1.5  time: 0.5  data_time: 0.01  lr: 1.9e-05  max_mem: 1234M\n", []string{"~a date or time stamp", "~eta", "total_loss@19=1.5", "~time", "~data_time", "lr@19=1.9e-05", "~max_mem"}},
		"cleanrl":              {"global_step=512, episodic_return=21.0\nSPS: 1234\n", []string{"episodic_return@512=21.0", "~SPS"}},
		"karpathy":             {"step    5 | loss: 6.25 | lr 4.2857e-06 | norm: 4.5 | dt: 123.45ms | tok/sec: 12345.67\n", []string{"loss@5=6.25", "lr@5=4.2857e-06", "norm@5=4.5", "~dt", "~tok/sec"}},
		"carriage returns":     {"loss 0.9\rloss 0.5\r\nloss 0.4\r\n", []string{"loss@0=0.5", "loss@1=0.4"}},
		"half a last line":     {"loss 0.5\nloss 0.2", []string{"loss@0=0.5", "loss@1=0.2"}},
		"uuid run name":        {"run 123e4567-e89b-42d3-a456-426614174000 loss 0.5\n", []string{"~run", "loss@0=0.5"}},
		"address":              {"<Model object at 0x7f12ab34cd56> loss 0.5\n", []string{"~Model object", "loss@0=0.5"}},
		"version":              {"torch 2.15.0 on python 3.11.2\n", nil},
		"words with digits":    {"conv2d resnet18 3x3 1st 10-fold\n", nil},
		"saved path":           {"saved /tmp/tmpab12cd34/model-12.pt loss 0.5\n", []string{"~saved", "loss@0=0.5"}},
		"a step among steps":   {"steps per epoch: 100, best epoch: 7\n", []string{"steps per epoch@0=100", "best epoch@0=7"}},
		"printed digest":       {"weights sha256: 3f2a9c1e77\nfinal 0cc175b9c0f1b6a831c399e269772661\nrun 3f2a9c1e\n", []string{"weights sha256@0=3f2a9c1e77", "final@0=0cc175b9c0f1b6a831c399e269772661", "~run"}},
		"skorch":               {"  epoch    train_loss    valid_acc     dur\n-------  ------------  -----------  ------\n      1        0.6931       0.5000  0.0123\n      2        0.5000       0.7500  0.0456\n", []string{"train_loss@1=0.6931", "train_loss@2=0.5000", "valid_acc@1=0.5000", "valid_acc@2=0.7500", "~dur"}},
		"gradient boosting":    {"      Iter       Train Loss   Remaining Time \n         1           1.2162            0.02s\n", []string{"Train Loss@1=1.2162", "~Remaining Time"}},
		"printed csv":          {"epoch,loss,seconds\n1,0.5,1.25\n2,0.25,1.5\n", []string{"loss@1=0.5", "loss@2=0.25", "~seconds"}},
		"pandas":               {"   loss  acc\n0   0.5  0.9\n1   0.25  0.95\n", []string{"value@0=0", "value@1=1", "loss@0=0.5", "loss@1=0.25", "acc@0=0.9", "acc@1=0.95"}},
		"prose, then numbers":  {"Training is over\n0.5\n", []string{"value@0=0.5"}},
		"digest in json":       {`{"run": "3f2a9c1e", "sha256": "3f2a9c1e77", "uuid": "123e4567-e89b-42d3-a456-426614174000"}` + "\n", []string{"sha256@0=3f2a9c1e77"}},
		"a secret":             {"token: 0cc175b9c0f1b6a831c399e269772661\ntoken: 17\n", []string{"~token", "token@0=17"}},
		"error in ms":          {"timing_error: 5ms, latency: 5ms\n", []string{"timing_error@0=5", "~latency"}},
		"a list, then a name":  {"[4, 5, 6] loss 0.5\n", []string{"value@0=4", "value[1]@0=5", "value[2]@0=6", "loss@0=0.5"}},
		"a score like a time":  {"score 1764000000, started 1764000000\n", []string{"score@0=1764000000", "~started"}},
		"logger's prefix":      {"2026-11-26 15:26:53,120 812 root INFO epoch=2 loss=0.5\n2026-11-26 15:26:54,120 812 my.log WARNING  epoch=3 loss=0.25\nINFO loss=1\n", []string{"~a date or time stamp", "~an identifier of this run, process or machine", "loss@2=0.5", "loss@3=0.25", "loss@2=1"}},
		"coefficients":         {"step=3 a=nan b=0.5\na=0.25, b=2\n", []string{"a@3=nan", "a@1=0.25", "b@3=0.5", "b@1=2"}},
		"prose":                {"the loss came to 0.5\nval_loss improved from 0.5 to 0.25, saving\nThe final accuracy is 0.75\nthe time came to 3\n", []string{"loss@0=0.5", "val_loss@0=0.5", "val_loss[1]@0=0.25", "final accuracy@0=0.75", "~time"}},
		"thousands":            {"params: 1,234,567\nn 12,345 loss 0.5\nscore=1_000.5\nw [100,200]\nshape (1,234)\nx=1,23\n", []string{"params@0=1,234,567", "n@0=12,345", "loss@0=0.5", "score@0=1_000.5", "w@0=100", "w[1]@0=200", "shape@0=1", "shape[1]@0=234", "x@0=1", "x[1]@0=23"}},
		"full width":           {"損失：0.5\u3000精度＝0.75\nloss\u00a0−0.5\n", []string{"損失@0=0.5", "精度@0=0.75", "loss@0=-0.5"}},
		"time left":            {"eta 3.5 elapsed 2.5 loss 0.5\n", []string{"~eta", "~elapsed", "loss@0=0.5"}},
		"a learning rate":      {"eta 0.1 loss 0.5\n", []string{"eta@0=0.1", "loss@0=0.5"}},
		"a rule":               {"[=====] - 0.5\n", []string{"value@0=0.5"}},
		"min after a number":   {"max 0.9 min 0.1\n", []string{"max@0=0.9", "min@0=0.1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), show(read(t, tt.in))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
